#!/usr/bin/env python3
"""Tests of the enrichment API as its callers see it. --build DIR names the build, default build/release."""

import argparse
import collections
import http.client
import json
import socket
import subprocess
import sys
import tempfile
import unittest

from programs import ROOT, Api, Programs, wait_until

program = None  # set below, from --build


class ApiTest(unittest.TestCase):
    def start(self, *flags):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        return self.enterContext(Api(program, folder, *flags))

    def connect(self, api):
        connection = http.client.HTTPConnection("127.0.0.1", api.port, timeout=10)
        self.addCleanup(connection.close)
        return connection

    def ask(self, connection, path, method="GET", body=None, headers=()):
        """Answers (response, body)."""
        connection.request(method, path, body, dict(headers))
        response = connection.getresponse()
        return response, response.read()

    def look_up(self, connection, key):
        return self.ask(connection, f"/lookup?key={key}")

    def statuses(self, connection, keys):
        return [self.look_up(connection, key)[0].status for key in keys]


class Lookup(ApiTest):
    def test_answers_the_same_facts_for_the_same_key_in_every_run(self):
        first, second = self.start("--seed", 1), self.start("--seed", 2)
        for key in ["192.0.2.7", "2001:db8::1", "customer-17"]:
            _, one = self.look_up(self.connect(first), key)
            _, other = self.look_up(self.connect(second), key)
            self.assertEqual(one, other)
            self.assertEqual(json.loads(one)["key"], key)

    def test_knows_the_class_of_a_network(self):
        connection = self.connect(self.start())
        for address, expected in [("192.0.2.7", "documentation"), ("10.1.2.3", "private"),
                                  ("172.31.0.1", "private"), ("172.32.0.1", "public"),
                                  ("127.0.0.1", "loopback"), ("8.8.8.8", "public"),
                                  ("2001:db8::1", "documentation"), ("fe80::1", "link_local")]:
            facts = json.loads(self.look_up(connection, address)[1])
            self.assertEqual((facts["kind"], facts["network_class"]), ("ip", expected), address)

    def test_decodes_the_key(self):
        connection = self.connect(self.start())
        facts = json.loads(self.look_up(connection, "a%20b+c%c3%a9")[1])
        self.assertEqual((facts["key"], facts["kind"]), ("a b cé", "key"))

    def test_refuses_a_key_that_is_missing_empty_too_long_or_badly_encoded(self):
        connection = self.connect(self.start())
        for query in ["", "?", "?key", "?key=", "?other=1", "?key=%4", "?key=%zz", "?key=" + "a" * 257]:
            self.assertEqual(self.ask(connection, "/lookup" + query)[0].status, 400, query)

    def test_keeps_the_connection_open_between_calls(self):
        connection = self.connect(self.start())
        self.look_up(connection, "a")
        used = connection.sock
        self.look_up(connection, "b")
        self.assertIs(connection.sock, used)

    def test_answers_404_405_413_431_and_400_to_what_it_does_not_serve(self):
        api = self.start()
        for expected, request in [(404, ("/",)), (405, ("/lookup?key=a", "POST")), (405, ("/stats", "PUT")),
                                  (405, ("/faults", "PUT")), (413, ("/faults", "POST", "x" * 70_000)),
                                  (431, ("/stats", "GET", None, {"X": "x" * 9_000}))]:
            self.assertEqual(self.ask(self.connect(api), *request)[0].status, expected)
        with socket.create_connection(("127.0.0.1", api.port), timeout=10) as raw:
            raw.sendall(b"what is this\r\n\r\n")
            self.assertTrue(raw.recv(100).startswith(b"HTTP/1.1 400 "))


class Limit(ApiTest):
    def test_answers_429_with_retry_after_beyond_the_burst(self):
        connection = self.connect(self.start("--rate", 1, "--burst", 5))
        answers = []
        while not answers or answers[-1].status == 200:  # on a slow machine, tokens come meanwhile
            answers.append(self.look_up(connection, "a")[0])
        self.assertEqual([answer.status for answer in answers], [200] * (len(answers) - 1) + [429])
        self.assertGreater(len(answers), 5)
        self.assertEqual(answers[-1].headers["Retry-After"], "1")

    def test_lets_calls_through_again_once_there_is_a_token(self):
        connection = self.connect(self.start("--rate", 10, "--burst", 1))
        self.look_up(connection, "a")
        wait_until(lambda: self.look_up(connection, "a")[0].status == 200, 10, "a token")

    def test_lets_no_more_through_in_a_second_than_rate_and_burst(self):
        api = self.start("--rate", 100, "--burst", 20)
        connection = self.connect(api)
        # So many that the burst alone is not enough, nor the tokens of one second.
        seen = collections.Counter()
        while seen[200] < 250 or seen[429] == 0:
            seen[self.look_up(connection, "a")[0].status] += 1
        stats = api.stats()
        self.assertLessEqual(stats["peak_accepted_per_second"], 120)
        self.assertEqual(stats["by_outcome"], {"200": seen[200], "429": seen[429]})


class Stats(ApiTest):
    def test_counts_every_call_by_what_it_was_answered(self):
        api = self.start("--rate", 1, "--burst", 3)
        connection = self.connect(api)
        self.statuses(connection, ["a", "b", ""])
        api.set_faults(garbage=1)
        while self.look_up(connection, "a")[0].status != 429:
            pass
        stats = api.stats()
        self.assertEqual(stats["by_outcome"]["200"], 2)
        self.assertEqual(stats["by_outcome"]["400"], 1)
        self.assertEqual(sum(stats["by_outcome"].values()), stats["calls"])
        self.assertEqual((stats["distinct_keys"], stats["in_flight"]), (2, 0))

    def test_the_window_slides(self):
        # By the API's own clock: a call leaves the last second again, and the peak stays what it was.
        api = self.start("--rate", 100_000, "--burst", 100_000)
        connection = self.connect(api)
        self.statuses(connection, range(40))
        stats = api.stats()
        peak = stats["peak_calls_per_second"]
        self.assertTrue(1 <= stats["calls_in_last_second"] <= peak <= 40, stats)
        wait_until(lambda: api.stats()["calls_in_last_second"] == 0, 10, "the calls to be older than a second")
        self.look_up(connection, "a")
        stats = api.stats()
        self.assertEqual((stats["calls"], stats["peak_calls_per_second"]), (41, peak))
        self.assertLessEqual(stats["calls_in_last_second"], 1)

    def test_counts_calls_in_flight(self):
        api = self.start("--slow", 1000)
        connections = [self.connect(api) for _ in range(7)]
        for connection in connections:
            connection.request("GET", "/lookup?key=a")
        for connection in connections:
            self.assertEqual(connection.getresponse().status, 200)
        self.assertEqual(api.stats()["in_flight_max"], 7)


class Faults(ApiTest):
    def test_slow_delays_the_answer(self):
        api = self.start("--slow", 3000)
        slow = self.connect(api)
        slow.request("GET", "/lookup?key=a")
        wait_until(lambda: api.stats()["in_flight"] == 1, 10, "the call")
        api.clear_faults()
        self.assertEqual(self.statuses(self.connect(api), ["b"]), [200])
        self.assertEqual(api.stats()["by_outcome"], {"200": 1}, "the later call is answered, the slow one is not yet")
        self.assertEqual(slow.getresponse().status, 200)
        self.assertEqual(api.stats()["by_outcome"], {"200": 2})

    def test_fail_answers_500_or_503_to_the_ordered_share(self):
        api = self.start("--fail", 0.3, "--rate", 10_000, "--burst", 10_000)
        statuses = self.statuses(self.connect(api), range(1000))
        self.assertEqual(set(statuses), {200, 500, 503})
        self.assertAlmostEqual(statuses.count(200), 700, delta=60)

    def test_the_seed_decides_which_calls_are_hit(self):
        seen = []
        for seed in [1, 1, 2]:
            api = self.start("--fail", 0.5, "--seed", seed)
            seen.append(self.statuses(self.connect(api), ["a"] * 20 + list(range(20))))
        self.assertEqual(seen[0], seen[1])
        self.assertNotEqual(seen[0], seen[2])

    def test_hang_never_answers_and_forgets_the_call_when_the_caller_leaves(self):
        api = self.start("--hang", 1)
        connection = self.connect(api)
        connection.request("GET", "/lookup?key=a")
        wait_until(lambda: api.stats()["in_flight"] == 1, 10, "the call")
        connection.sock.settimeout(0.3)
        with self.assertRaises(TimeoutError):
            connection.getresponse()
        connection.close()
        wait_until(lambda: api.stats()["in_flight"] == 0, 10, "the call to be forgotten")
        self.assertEqual(api.stats()["by_outcome"], {"hung": 1})

    def test_garbage_is_never_a_good_answer_and_closes_the_connection(self):
        api = self.start("--garbage", 1)
        seen = set()
        for key in range(40):
            with socket.create_connection(("127.0.0.1", api.port), timeout=10) as raw:
                raw.sendall(f"GET /lookup?key={key} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
                answer = b"".join(iter(lambda: raw.recv(4096), b""))
            seen.add(self.why_garbage(answer))
        self.assertEqual(seen, {"not HTTP", "broken JSON", "body too short", "body too long"})

    def why_garbage(self, answer):
        head, _, body = answer.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 OK"):
            return "not HTTP"
        length = int(head.rpartition(b"Content-Length: ")[2])
        if len(body) != length:
            return "body too short" if len(body) < length else "body too long"
        with self.assertRaises(ValueError):
            json.loads(body)
        return "broken JSON"

    def test_status_answers_matching_keys_with_it(self):
        api = self.start("--status", 404, "--match", "10.")
        self.assertEqual(self.statuses(self.connect(api), ["10.0.0.1", "192.0.2.10", "10.9.9.9", "110.1"]),
                         [404, 200, 404, 200])

    def test_status_429_comes_with_retry_after(self):
        response, _ = self.look_up(self.connect(self.start("--status", 429)), "a")
        self.assertEqual((response.status, response.headers["Retry-After"]), (429, "1"))

    def test_are_set_shown_and_cleared_at_run_time(self):
        api = self.start()
        connection = self.connect(api)
        none = {"slow": 0, "fail": 0, "hang": 0, "garbage": 0, "status": None, "match": ""}
        self.assertEqual(api.set_faults(status=503, match="a"), none | {"status": 503, "match": "a"})
        self.assertEqual(api.request("GET", "/faults"), none | {"status": 503, "match": "a"})
        self.assertEqual(self.statuses(connection, ["a", "b"]), [503, 200])
        self.assertEqual(api.clear_faults(), none)
        self.assertEqual(self.statuses(connection, ["a", "b"]), [200, 200])

    def test_say_what_is_wrong_with_them_and_stay_as_they_were(self):
        api = self.start("--status", 404)
        connection = self.connect(api)
        for body, expected in [
            ("{", "faults: expected a JSON object, found broken JSON"),
            ("[]", "faults: expected a JSON object, found array"),
            ('{"speed":1}', "speed: expected one of slow, fail, hang, garbage, status, match, "
                            "found an unknown member"),
            ('{"fail":"all"}', 'fail: expected a number, found "all"'),
            ('{"fail":1.5}', "fail: expected a fraction from 0 to 1, found 1.500000"),
            ('{"fail":0.6,"hang":0.6}', "fail, hang and garbage: expected a sum of at most 1, "
                                        "found 1.200000"),
            ('{"status":200}', "status: expected an HTTP status from 400 to 599, found 200"),
            ('{"slow":0.5}', "slow: expected a whole number, found 0.5"),
        ]:
            response, answer = self.ask(connection, "/faults", "POST", body)
            self.assertEqual((response.status, json.loads(answer)["error"]), (400, expected))
        self.assertEqual(self.statuses(connection, ["a"]), [404])


class CommandLine(ApiTest):
    def run_with(self, *flags):
        done = subprocess.run([program, *map(str, flags)], capture_output=True, text=True, timeout=10)
        return done.returncode, done.stderr

    def test_refuses_what_it_does_not_understand_with_exit_code_2(self):
        for flags, expected in [(["--what"], "--what"), (["stray"], "stray"), (["--rate", 0], "--rate"),
                                (["--rate", -1], "--rate"), (["--burst", "x"], "--burst"),
                                (["--seed", -1], "--seed"), (["--fail", "nan"], "fail: expected"),
                                (["--hang", 1.1], "hang: expected"), (["--slow", -1], "slow: expected"),
                                (["--status", 200], "status: expected"),
                                (["--listen", "8080"], "expected ADDRESS:PORT"),
                                (["--listen", "127.0.0.1:70000"], "expected a port"),
                                (["--listen", "example.org:80"], "expected an IP address")]:
            code, message = self.run_with(*flags)
            self.assertEqual(code, 2, flags)
            self.assertIn(expected, message)

    def test_listens_on_loopback_only(self):
        for address in ["0.0.0.0:0", "192.0.2.1:0", "[::]:0"]:
            code, message = self.run_with("--listen", address)
            self.assertEqual(code, 2)
            self.assertIn("not a loopback address", message)

    def test_says_so_when_the_port_is_taken(self):
        api = self.start()
        code, message = self.run_with("--listen", f"127.0.0.1:{api.port}")
        self.assertEqual(code, 1)
        self.assertIn("Address already in use", message)

    def test_ends_with_0_on_sigterm_also_with_calls_in_flight(self):
        api = self.start("--hang", 1)
        self.connect(api).request("GET", "/lookup?key=a")
        wait_until(lambda: api.stats()["in_flight"] == 1, 10, "the call")
        self.assertEqual(api.stop(), 0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default=ROOT / "build" / "release")
    arguments, rest = parser.parse_known_args()
    programs = Programs(arguments.build)
    programs.require(programs.api)
    program = programs.api
    unittest.main(argv=[sys.argv[0], *rest])
