#!/usr/bin/env python3
"""Which names scripts/checks/names.py sees in declarations."""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts" / "checks"))

import names  # noqa: E402

DECLARATIONS = [
    # types
    ("struct a;", "a"), ("class a final : public b<int> { int c; void d() {} };", "a"),
    ("class [[nodiscard]] a { };", "a"), ("struct alignas(64) a { };", "a"), ("union a { int b; };", "a"),
    ("enum class a : int { b, c };", "a"), ("enum a { b, c = f(1, 2) };", "a b c"),
    ("template <class A = std::pair<int, char>, int N = (1 > 0)> struct a; template <> struct a<int> {};", "a"),
    ("struct std::hash<int> {};", ""), ("using a = std::vector<int>;", "a"), ("typedef std::vector<int> a;", "a"),
    # functions
    ("void a(); int a(int); inline int* a(char) { if (b < c) { return d; } }", "a"),
    ("[[nodiscard]] inline std::vector<std::pair<b, c>> a(int (*d)(int) = e) noexcept(f(1));", "a"),
    ("auto a() -> b; decltype(auto) c(int d) { }", "a c"), ("b::c operator==(b, b); bool operator()(b);", ""),
    ("inline b::b(int c) : d{c}, e{} { if (c) { } } void a();", "a"), ("void b::c() const { }", ""),
    ('extern "C" { void a(); } extern "C" void c();', "a c"),
    # variables and concepts
    ("inline constexpr std::size_t a = 3; extern const int c; int d[3]; const char* e{}; b<int> f;", "a c d e f"),
    ("template <class T> concept a = requires(T t) { { t.b() } -> c; };", "a"),
    # constraints
    ("template <class T> requires (b<T> && !c) class a final : public d { };", "a"),
    ("template <class T> requires std::b_v<T> && c<T> || (!d) class a { };", "a"),
    ("template <class T> requires requires(T t) { t.b(); } void a(T);", "a"),
    ("template <class T> requires std::same_as<T, int> T a(T) requires c { return {}; } void d();", "a d"),
    # what is none, and what follows it
    ('static_assert(sizeof(int) < 8, "no } and no ;"); using namespace std; ; void a();', "a"),
    ('inline const char* a() { return R"x({{{ " )x" "}"; } void c();', "a c"),
    # namespaces
    ("namespace a { int b; } namespace c = std;", "a a::b c"), ("namespace a::b { struct c; }", "a a::b a::b::c"),
    ("namespace internal { int a; namespace b { int c; } } namespace a::detail { int b; }", "a"),
    ("namespace { int a; } void c();", "c"),
]


class NamesTest(unittest.TestCase):
    def names_in(self, text, folder=""):
        return [name.removeprefix("weir::") for name in names.names_in(text.splitlines(True), "weir", folder)]

    def test_sees_each_name_once_and_nothing_else(self):
        for declaration, expected in DECLARATIONS:
            text = '# 1 "weir/a.hpp"\nnamespace weir {\n' + declaration + "\n}\n"
            self.assertEqual(" ".join(self.names_in(text)), expected, declaration)

    def test_sees_all_of_them_one_after_the_other(self):
        text = '# 1 "a"\n' + "".join(f"namespace weir::n{number} {{ {declaration} }}\n"
                                     for number, (declaration, _) in enumerate(DECLARATIONS))
        expected = sorted(f"n{number}{'::' * bool(name)}{name}" for number, (_, names) in enumerate(DECLARATIONS)
                          for name in ["", *names.split()])
        self.assertEqual(sorted(self.names_in(text)), expected)

    def test_reads_only_what_comes_from_the_folder(self):
        text = ('# 1 "inc/weir/a.hpp" 1\nnamespace weir {\nint a;\n# 7 "/usr/include/vector" 3\nint b { ;\n'
                '# 9 "inc/weir/a.hpp" 2\n}\n')
        self.assertEqual(self.names_in(text, "inc/weir/"), ["a"])


if __name__ == "__main__":
    unittest.main()
