#!/usr/bin/env python3
"""What scripts/checks/layering.py says of small trees, each well made but for one thing."""
import pathlib
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts" / "checks"))

import layering  # noqa: E402
import rooms  # noqa: E402

# Where each room has its one public header, and what its unit includes.
CONNECTORS = ["connectors/files", "connectors/http"]
PLACES = ["mailbox", "supervision", "actors", "dead_letters", "stages", "pipeline", "node", "inspect", "cli",
          *CONNECTORS, "testkit"]
NOT_PUBLIC = {"mailbox", "inspect"}
FILLING = 20  # lines, so that no room is a quarter of such a tree


def name_of(place):
    return place.rpartition("/")[2]


def header(*includes, lines=FILLING):
    return "#pragma once\n" + "".join(f"#include <{one}>\n" for one in includes) + "// …\n" * lines


def library(place, *links):
    return f"weir_library(weir_{place.replace('/', '_')}\n  DEPENDS {' '.join(links)})\n"


def well_made_tree():
    """{path: text}"""
    tree = {"weir.hpp": header("weir/pipeline/pipeline.hpp", "weir/cli/cli.hpp"),
            "examples/hello/hello.cpp": "#include <weir/weir.hpp>\n#include \"hello.hpp\"\n",
            "examples/hello/hello.hpp": header("weir/connectors/files/files.hpp"),
            "tests/node/node_test.cpp": "#include <weir/mailbox/mailbox.hpp>\n#include <weir/inspect/inspect.hpp>\n",
            "bench/bench.cpp": "#include <caf/all.hpp>\n#include <weir/mailbox/mailbox.hpp>\n"}
    public, below = ["weir.hpp  the front door"], []
    for place in PLACES:
        unit = f"{place}/{name_of(place)}"
        if place.startswith("connectors") or place == "testkit":
            tree[f"{unit}.hpp"] = header("vector", "weir/stages/stages.hpp")
            tree[f"{unit}.cpp"] = f"#include <weir/{unit}.hpp>\n"
        else:
            tree[f"{unit}.hpp"] = header("vector", *(f"weir/{one}/{one}.hpp" for one in below))
            tree[f"{unit}.cpp"] = f"#include <weir/{unit}.hpp>\n"
            if place != "inspect":  # too heavy for weir.hpp
                below.append(place)
        tree[f"{place}/CMakeLists.txt"] = library(place, "weir::stages") if "stages" in below[:-1] else library(place)
        if place not in NOT_PUBLIC:
            public.append(f"{unit}.hpp   what {place} shows")
    tree["cli/cli.cpp"] += "#include <weir/inspect/inspect.hpp>\n"
    tree["cmake/public_headers.txt"] = "# public\n" + "\n".join(public) + "\n"
    tree["CONTRIBUTING.md"] = "The rooms:\n<!-- rooms -->\n<!-- end -->\n"
    return tree


class LayeringTest(unittest.TestCase):
    def found(self, changes=None, appended=None, fix=True):
        """What is said of the well-made tree with these files instead, or with these lines at the end of files."""
        tree = well_made_tree() | (changes or {})
        for path, text in (appended or {}).items():
            tree[path] = tree.get(path, "") + text + "\n"
        with tempfile.TemporaryDirectory() as name:
            root = pathlib.Path(name)
            for path, text in tree.items():
                if text is not None:
                    (root / path).parent.mkdir(parents=True, exist_ok=True)
                    (root / path).write_text(text, encoding="utf-8")
            return sorted(set(layering.breaches(root, fix)), key=layering.by_place)

    def expect(self, *expected, **tree):
        """Each breach contains its expected words, in this order, and there is no other."""
        found = self.found(**tree)
        self.assertEqual(len(found), len(expected), "\n".join(found))
        for words, breach in zip(expected, found):
            self.assertIn(words, breach)

    def include(self, path, target, *expected):
        """One more include at the end of a file."""
        lines = well_made_tree()[path].count("\n")
        self.expect(*(f"{path}:{lines + 1}: {one}" for one in expected), appended={path: f"#include <{target}>"})


class Arrows(LayeringTest):
    def test_a_well_made_tree_is_as_it_should_be(self):
        self.expect()

    def test_a_room_includes_what_stands_below_it_and_no_other(self):
        self.include("mailbox/mailbox.cpp", "weir/supervision/failure.hpp",
                     "mailbox/ may include only itself; found <weir/supervision/failure.hpp>",
                     "there is no supervision/failure.hpp")
        self.include("node/node.cpp", "weir/mailbox/mailbox.hpp")
        found = self.found(appended={"actors/actors.cpp": "#include <weir/stages/stages.hpp>"})
        self.assertIn("actors/actors.cpp:2: actors/ may include mailbox, supervision; "
                      "found <weir/stages/stages.hpp>", found)

    def test_connectors_testkit_and_examples_include_public_headers_only(self):
        for path in ["connectors/http/http.cpp", "testkit/testkit.cpp", "examples/hello/hello.cpp"]:
            place = rooms.room_of(path)
            self.include(path, "weir/mailbox/mailbox.hpp",
                         f"{place}/ may include public headers only (cmake/public_headers.txt); "
                         "found <weir/mailbox/mailbox.hpp>")
            self.include(path, "weir/node/node.hpp")

    def test_their_own_headers_need_not_be_public(self):
        self.expect(changes={"connectors/http/body.hpp": header(), "testkit/wake.hpp": header()},
                    appended={"connectors/http/http.cpp": "#include <weir/connectors/http/body.hpp>",
                              "testkit/testkit.cpp": "#include <weir/testkit/wake.hpp>"})

    def test_a_connector_knows_no_other_and_no_testkit(self):
        self.include("connectors/http/http.cpp", "weir/connectors/files/files.hpp",
                     "connectors/http/ may not know another connector")
        self.include("connectors/http/http.cpp", "weir/testkit/testkit.hpp", "connectors/http/ may not need the testkit")

    def test_connectors_share_what_lies_above_them(self):
        shared = {"connectors/text_event.hpp": header("weir/stages/stages.hpp")}
        self.expect(changes=shared, appended={"connectors/http/http.cpp": "#include <weir/connectors/text_event.hpp>"})
        self.expect("connectors/text_event.hpp:3: what is shared may not know a connector",
                    changes={"connectors/text_event.hpp": header("vector", "weir/connectors/http/http.hpp")})

    def test_bench_and_tests_include_everything(self):
        self.include("tests/node/node_test.cpp", "weir/testkit/testkit.hpp")

    def test_weir_hpp_includes_light_public_headers(self):
        self.include("weir.hpp", "weir/mailbox/mailbox.hpp", "weir.hpp may include public headers only")
        self.include("weir.hpp", "weir/connectors/files/files.hpp", "not for the front door")


class Forms(LayeringTest):
    def test_headers_say_pragma_once(self):
        self.expect("node/log.hpp:1: a header says #pragma once", changes={"node/log.hpp": "// …\n"})

    def test_the_library_quotes_no_include(self):
        self.expect('node/node.cpp:2: our headers are spelled <weir/folder/file.hpp>, not "node.hpp"',
                    appended={"node/node.cpp": '#include "node.hpp"'})

    def test_no_source_lies_outside_the_rooms(self):
        self.expect("links/link.cpp:1: links/ is no room", changes={"links/link.cpp": ""})

    def test_a_public_header_exists_once_and_has_a_purpose(self):
        lines = well_made_tree()["cmake/public_headers.txt"].count("\n")
        self.expect(f"cmake/public_headers.txt:{lines + 1}: there is no node/heart.hpp",
                    f"cmake/public_headers.txt:{lines + 2}: node/node.hpp is there already",
                    f"cmake/public_headers.txt:{lines + 2}: what is node/node.hpp for?",
                    f"cmake/public_headers.txt:{lines + 3}: tests/lies.hpp is in no room of the library",
                    changes={"tests/lies.hpp": header()},
                    appended={"cmake/public_headers.txt": "node/heart.hpp  the heart\nnode/node.hpp\n"
                                                          "tests/lies.hpp  lies # truly"})

    def test_the_table_of_contributing_is_the_table_of_rooms(self):
        self.expect("CONTRIBUTING.md:2: is not what scripts/checks/rooms.py says", fix=False)
        self.expect("CONTRIBUTING.md:1: there is no table of rooms", changes={"CONTRIBUTING.md": "no table\n"})


class Circles(LayeringTest):
    def test_units_that_include_each_other_are_a_circle(self):
        self.expect("node/heart.cpp:1: a circle of 2 units: node/heart, node/node; the shortest way round: "
                    "node/heart > node/node (node/heart.cpp:1); node/node > node/heart (node/node.hpp:2)",
                    changes={"node/heart.hpp": header(), "node/heart.cpp": "#include <weir/node/node.hpp>\n",
                             "node/node.hpp": header("weir/node/heart.hpp")})

    def test_a_circle_over_several_units_is_told_whole(self):
        chain = {f"node/{a}.hpp": header(f"weir/node/{b}.hpp", lines=1) for a, b in ["ab", "bc", "cd", "da", "ca"]}
        chain["node/c.hpp"] = header("weir/node/d.hpp", "weir/node/a.hpp", lines=1)
        self.expect("a circle of 4 units: node/a, node/b, node/c, node/d; the shortest way round: "
                    "node/a > node/b (node/a.hpp:2); node/b > node/c (node/b.hpp:2); node/c > node/a (node/c.hpp:3)",
                    changes=chain)

    def test_two_circles_are_two(self):
        self.expect("node/a, node/b", "node/c, node/d",
                    changes={f"node/{a}.hpp": header(f"weir/node/{b}.hpp", lines=1) for a, b in ["ab", "ba", "cd", "dc"]})

    def test_a_header_and_its_source_are_one_unit(self):
        self.expect(changes={"node/a.hpp": header(lines=1), "node/b.hpp": header(lines=1),
                             "node/a.cpp": "#include <weir/node/a.hpp>\n#include <weir/node/b.hpp>\n"})


class Sizes(LayeringTest):
    def test_no_room_is_larger_than_a_quarter_of_the_library(self):
        self.expect("node/CMakeLists.txt:1: node/ has 229 of the library's 515 lines, 44%; a room has at most 25%",
                    changes={"node/large.cpp": "// …\n" * 200})

    def test_each_connector_is_a_room(self):
        self.expect(changes={f"{place}/large.cpp": "// …\n" * 60 for place in CONNECTORS})

    def test_programs_do_not_count(self):
        self.expect(changes={"examples/hello/large.cpp": "// …\n" * 900, "tests/large.cpp": "// …\n" * 900})


class ThirdParties(LayeringTest):
    def test_the_mailbox_stands_on_the_standard_library_alone(self):
        self.include("mailbox/mailbox.cpp", "pthread.h", "mailbox/ stands on the standard library alone")
        self.include("mailbox/mailbox.cpp", "atomic")

    def test_supervision_knows_the_system_but_no_third_party(self):
        self.include("supervision/supervision.cpp", "sys/mman.h")
        self.include("supervision/supervision.cpp", "nlohmann/json.hpp",
                     "supervision/ stands on the standard library and the system alone")

    def test_caf_is_behind_the_runtime(self):
        self.expect(changes={"actors/runtime_caf.cpp": header("caf/all.hpp", lines=1)})
        self.include("node/node.cpp", "caf/all.hpp", "CAF is for actors/runtime_caf.cpp and one file of cluster/")
        self.include("actors/actors.cpp", "caf/all.hpp", "CAF is for actors/runtime_caf.cpp and one file of cluster/")

    def test_one_file_of_the_cluster_knows_caf(self):
        cluster = {"cluster/CMakeLists.txt": library("cluster"), "cluster/gateway.cpp": "#include <caf/io.hpp>\n" * 2}
        self.expect(changes=cluster)
        self.expect("cluster/link.cpp:1: CAF is for actors/runtime_caf.cpp and one file of cluster/ (cluster/gateway.cpp)",
                    changes=cluster | {"cluster/link.cpp": "#include <caf/io.hpp>\n"})

    def test_headers_show_boost_only_where_it_is_opted_into(self):
        self.expect(changes={"stages/awaitable.hpp": header("boost/asio/awaitable.hpp", lines=1),
                             "connectors/http/client.hpp": header("boost/asio.hpp", lines=1)})
        self.include("inspect/inspect.cpp", "boost/beast.hpp")
        self.expect("node/log.hpp:2: not in this header", "node/log.hpp:3: not in this header",
                    changes={"node/log.hpp": header("boost/asio.hpp", "nlohmann/json.hpp", lines=1)})

    def test_headers_show_curl_only_where_it_is_driven(self):
        self.expect(changes={"connectors/http/transfer.hpp": header("curl/curl.h", lines=1)})
        self.expect("connectors/http/client.hpp:2: libcurl is for connectors/http/transfer.hpp and transfers.hpp",
                    changes={"connectors/http/client.hpp": header("curl/curl.h", lines=1)})

    def test_what_is_heavy_does_not_come_in_by_the_front_door(self):
        found = self.found(changes={"stages/awaitable.hpp": header("boost/asio.hpp", lines=1)},
                           appended={"stages/stages.hpp": "#include <weir/stages/awaitable.hpp>",
                                     "pipeline/pipeline.hpp": "#include <sqlite3.h>"})
        self.assertEqual(len(found), 3, found)
        self.assertIn("weir.hpp must not bring along <sqlite3.h>; it comes by weir.hpp > pipeline/pipeline.hpp",
                      found[1])
        self.assertIn("must not bring along <weir/stages/awaitable.hpp>; it comes by weir.hpp > "
                      "pipeline/pipeline.hpp > stages/stages.hpp", found[2])


class Libraries(LayeringTest):
    def test_every_room_is_a_library(self):
        self.expect("connectors/http/CMakeLists.txt:1: no weir_library(weir_connectors_http) is made here",
                    "node/CMakeLists.txt:1: no weir_library(weir_node) is made here",
                    changes={"node/CMakeLists.txt": None, "connectors/http/CMakeLists.txt": library("http")})

    def test_connectors_may_be_made_in_one_place(self):
        together = "".join(map(library, CONNECTORS))
        self.expect(changes={f"{place}/CMakeLists.txt": None for place in CONNECTORS}
                    | {"connectors/CMakeLists.txt": together})

    def test_a_library_links_to_what_its_room_may_include(self):
        self.expect("actors/CMakeLists.txt:2: actors/ may not link to what it may not include; found weir::node",
                    "connectors/http/CMakeLists.txt:2: connectors/http/ may not link to what it may not include; "
                    "found weir::connectors_files",
                    "connectors/http/CMakeLists.txt:2: connectors/http/ may not link to what it may not include; "
                    "found weir::testkit",
                    changes={"actors/CMakeLists.txt": library("actors", "weir::mailbox", "weir::node", "CAF::core"),
                             "connectors/http/CMakeLists.txt": library("connectors/http", "weir::node", "weir::testkit",
                                                                       "weir::connectors_files")})

    def test_a_comment_links_to_nothing(self):
        self.expect(appended={"actors/CMakeLists.txt": "# weir::node is above"})


if __name__ == "__main__":
    unittest.main()
