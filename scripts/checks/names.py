#!/usr/bin/env python3
"""Which names of a namespace can somebody see who includes a header? Reads what `g++ -E` prints, from standard input.

  names.py NAMESPACE [FOLDER]   prints one name a line, qualified and sorted
                                FOLDER: only what is declared in files whose path contains it

A name is a type, a function, a variable, a concept, an alias, a namespace of its own or an enumerator that stands
free; an overload set is one name. Operators are none, as nobody types them, nor is what lies in a namespace `internal`
or `detail`. It reads declarations as we write them: no macros are left, and no compiler is needed.
"""
import re
import sys

HIDDEN = {"internal", "detail"}
TOKEN = re.compile(r'R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])+\'|[A-Za-z_]\w*|\d[\w.\']*|::|->|\[\[|\]\]|\S',
                   re.DOTALL)
LINE_MARKER = re.compile(r'# \d+ "([^"]*)"')
CLOSING = {"(": ")", "[": "]", "{": "}", "[[": "]]", "<": ">"}
TAKES_ARGUMENT = {"decltype", "alignas", "noexcept", "explicit", "__attribute__"}


def text_of(preprocessed, folder):
    """What comes from files whose path contains the folder."""
    wanted = False
    for line in preprocessed:
        marker = LINE_MARKER.match(line)
        if marker:
            wanted = folder in marker[1]
        elif wanted:
            yield line


def is_name(token):
    return token[0].isalpha() or token[0] == "_"


class Reader:
    """Walks over the declarations of namespaces; what is within classes and functions is skipped."""

    def __init__(self, text):
        self.tokens = [one[0] for one in TOKEN.finditer(text)]
        self.at = 0
        self.found = set()

    def peek(self, ahead=0):
        return self.tokens[self.at + ahead] if self.at + ahead < len(self.tokens) else ""

    def take(self):
        self.at += 1
        return self.tokens[self.at - 1] if self.at <= len(self.tokens) else ""

    def skip_group(self):
        """From an opening bracket to behind the one that closes it."""
        opening = self.take()
        closing = CLOSING[opening]
        while self.peek() and self.peek() != closing:
            # What is < in an expression must not look like a bracket: only in <…> does < open another.
            if self.peek() in CLOSING and (self.peek() != "<" or opening == "<"):
                self.skip_group()
            else:
                self.take()
        self.take()

    def skip_one(self):
        """A token, or a whole group in brackets; < is an operator here."""
        if self.peek() in CLOSING and self.peek() != "<":
            self.skip_group()
        else:
            self.take()

    def skip_to_semicolon(self):
        while self.peek() and self.peek() != ";":
            self.skip_one()
        self.take()

    def skip_constraint(self):
        """What follows `requires`: primaries with && and || between them."""
        while True:
            while self.peek() == "!":
                self.take()
            if self.peek() == "requires":
                self.take()
                if self.peek() == "(":
                    self.skip_group()
            if self.peek() in ("(", "{"):
                self.skip_group()
                if self.peek() == "{":
                    self.skip_group()
            else:
                self.skip_qualified_name()
            if self.peek() + self.peek(1) not in ("&&", "||"):
                return
            self.take(), self.take()

    def skip_qualified_name(self):
        """std::is_same_v<A, B>, and no more than that: what is constrained may begin with a name too."""
        while True:
            if self.peek() == "::":
                self.take()
            self.take()
            if self.peek() == "<":
                self.skip_group()
            if self.peek() != "::":
                return

    def read(self, namespace=()):
        """Declarations up to the brace that closes this namespace."""
        while self.peek() and self.peek() != "}":
            self.declaration(namespace)
        self.take()

    def add(self, namespace, name):
        if not HIDDEN.intersection(namespace) and name not in HIDDEN:
            self.found.add("::".join((*namespace, name)))

    def declaration(self, namespace):
        while self.peek() in ("template", "requires", "[[", "inline", "constexpr", "export", "extern"):
            word = self.peek()
            if word == "[[":
                self.skip_group()
                continue
            self.take()
            if word == "template" and self.peek() == "<":
                self.skip_group()
            elif word == "requires":
                self.skip_constraint()
        word = self.peek()
        if word == ";":
            self.take()
        elif word == "static_assert":
            self.skip_to_semicolon()
        elif word.startswith('"'):  # extern "C"
            self.take()
            if self.peek() == "{":
                self.take()
                self.read(namespace)
        elif word == "namespace":
            self.namespace(namespace)
        elif word == "using":
            self.using(namespace)
        elif word == "concept":
            self.take()
            self.add(namespace, self.peek())
            self.skip_to_semicolon()
        elif word == "enum":
            self.enumeration(namespace)
        elif word in ("class", "struct", "union"):
            self.type(namespace)
        else:
            self.function_or_variable(namespace)

    def namespace(self, namespace):
        self.take()
        names = []
        while self.peek() not in ("{", "=", ""):
            token = self.take()
            if is_name(token) and token != "inline":
                names.append(token)
        if self.take() == "=":
            self.add(namespace, names[0])
            self.skip_to_semicolon()
            return
        for depth, name in enumerate(names):
            self.add((*namespace, *names[:depth]), name)
        self.read((*namespace, *(names or HIDDEN)))  # one without a name hides what it holds

    def using(self, namespace):
        self.take()
        last = ""
        if self.peek() != "namespace":
            while self.peek() not in ("=", ";", ""):
                if is_name(self.peek()):
                    last = self.peek()
                self.take()
            self.add(namespace, last)
        self.skip_to_semicolon()

    def enumeration(self, namespace):
        self.take()
        scoped = self.peek() in ("class", "struct")
        if scoped:
            self.take()
        if is_name(self.peek()):
            self.add(namespace, self.peek())
        while self.peek() not in ("{", ";", ""):
            self.take()
        if self.peek() == "{" and not scoped:
            self.take()
            while self.peek() not in ("}", ""):
                self.add(namespace, self.take())
                while self.peek() not in (",", "}", ""):
                    self.skip_one()
                if self.peek() == ",":
                    self.take()
        self.skip_to_semicolon()

    def type(self, namespace):
        self.take()
        while self.peek() in ("[[", "alignas"):
            if self.peek() == "alignas":
                self.take()
            self.skip_group()
        # `struct std::hash<x>` adds nothing here; `struct hash<x>` is one more hash.
        if self.peek(1) != "::":
            self.add(namespace, self.peek())
        self.skip_to_semicolon()

    def function_or_variable(self, namespace):
        """The name stands before the first of ( = { [ ; that belongs to no type."""
        before = []
        while self.peek() not in ("(", "=", "{", "[", ";", ""):
            token = self.peek()
            if token == "operator":
                before = []
                while self.peek(1) != "(" or self.peek() == "operator":
                    self.take()
                self.take()
                break
            if token == "<":
                self.skip_group()
                continue
            self.take()
            if token in TAKES_ARGUMENT and self.peek() == "(":
                self.skip_group()
            before.append(token)
        is_function = self.peek() == "("
        if before and is_name(before[-1]) and before[-2:-1] != ["::"]:
            self.add(namespace, before[-1])
        initialises = False  # a constructor's members: a brace behind a name is not the body
        while self.peek() not in (";", ""):
            initialises = initialises or (is_function and self.peek() == ":")
            if self.peek() == "{" and is_function and not (initialises and is_name(self.peek(-1))):
                self.skip_group()
                return
            self.skip_one()
        self.take()


def names_in(preprocessed, namespace, folder=""):
    reader = Reader("".join(text_of(preprocessed, folder)))
    while reader.peek():
        reader.read()
    return sorted(name for name in reader.found if name.startswith(namespace + "::"))


if __name__ == "__main__":
    print("\n".join(names_in(sys.stdin, *sys.argv[1:3])))
