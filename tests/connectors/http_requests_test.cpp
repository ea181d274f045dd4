#include "../temporary_folder.hpp"
#include "asking.hpp"

#include <cstdlib>
#include <mutex>

#include <gmock/gmock.h>

using asking::answer;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
namespace http = weir::http;

namespace {

/// Answers every request with all of it: its header, and its body as long as Content-Length says.
void mirror(loopback::peer& with, int) {
  for (;;) {
    auto request = with.read_header();
    if (!request.ends_with("\r\n\r\n"))
      return;
    constexpr std::string_view length = "\r\nContent-Length: ";
    if (const auto at = request.find(length); at != std::string::npos)
      request += with.read(std::stoul(request.substr(at + length.size())));
    if (request.starts_with("HEAD "))
      with.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nX-Seen: head\r\n\r\n");
    else
      with.send(answer(request));
  }
}

class ClientRequests : public asking::client_test, protected weir_test::temporary_folder {};

std::string why_refused(http::client_options options) {
  try {
    const http::client made{std::move(options)};
  } catch (const std::invalid_argument& wrong) {
    return wrong.what();
  }
  return "it is not";
}

} // namespace

// --- methods, headers, bodies --------------------------------------------------------------------

TEST_F(ClientRequests, AnyMethodMayHaveABody) {
  const loopback::server server{mirror};
  const http::client client{{.base_url = server.url()}};
  for (const std::string method : {"POST", "PUT", "PATCH", "DELETE", "GET", "REPORT"}) {
    const auto seen = ask(client, {.method = method,
                                   .target = "/a",
                                   .body = std::string{"a\0b", 3},
                                   .content_type = "text/plain"});
    EXPECT_THAT(seen, StartsWith("200 " + method + " /a HTTP/1.1\r\n"));
    EXPECT_THAT(seen, HasSubstr("\r\nContent-Length: 3\r\n"));
    EXPECT_THAT(seen, HasSubstr("\r\nContent-Type: text/plain\r\n"));
    EXPECT_THAT(seen, EndsWith(std::string{"\r\n\r\na\0b", 7}));
  }
  EXPECT_EQ(server.accepted(), 1);
}

TEST_F(ClientRequests, WhatOneRequestHasTheNextHasNot) {
  const loopback::server server{mirror};
  const http::client client{{.base_url = server.url(), .connections_max = 1}};
  EXPECT_THAT(ask(client, {.method = "POST",
                           .headers = {{.name = "X-One", .value = "1"}},
                           .body = "body",
                           .content_type = "text/plain"}),
              HasSubstr("X-One: 1\r\n"));
  const auto head = begin(client, http::request{.method = "HEAD"});
  EXPECT_EQ(finish(head), "200 ");
  EXPECT_EQ((*head->answer)->value_of("x-seen"), "head");
  for (const std::string method : {"GET", "DELETE"}) {
    const auto seen = ask(client, {.method = method});
    EXPECT_THAT(seen, StartsWith("200 " + method + " / HTTP/1.1\r\n"));
    EXPECT_THAT(seen, Not(HasSubstr("Content-")));
    EXPECT_THAT(seen, Not(HasSubstr("X-One")));
  }
  EXPECT_THAT(ask(client, {.method = "POST"}), HasSubstr("\r\nContent-Length: 0\r\n"));
  EXPECT_EQ(server.accepted(), 1);
}

TEST_F(ClientRequests, ALargeBodyIsSentAtOnce) {
  const loopback::server server{mirror};
  const http::client client{{.base_url = server.url(), .body_max = 3'000'000}};
  const auto seen =
      ask(client, {.method = "POST", .body = std::string(2'000'000, 'x'), .content_type = "a/b"});
  EXPECT_THAT(seen.substr(0, 300), Not(HasSubstr("Expect")));
  EXPECT_GT(seen.size(), 2'000'000U);
}

TEST_F(ClientRequests, HeadersOfTheClientAndOfTheRequestAreSent) {
  const loopback::server server{mirror};
  const http::client client{
      {.base_url = server.url(), .headers = {{.name = "X-Version", .value = "2"}}}};
  const auto seen = ask(
      client, {.headers = {{.name = "X-Id", .value = "a b"}, {.name = "X-Nothing", .value = ""}}});
  EXPECT_THAT(seen, HasSubstr("\r\nX-Version: 2\r\n"));
  EXPECT_THAT(seen, HasSubstr("\r\nX-Id: a b\r\n"));
  EXPECT_THAT(seen, HasSubstr("\r\nX-Nothing:\r\n"));
}

TEST_F(ClientRequests, NothingOfARequestCanSayMoreThanItShould) {
  const http::client client{{.base_url = "http://127.0.0.1:9"}};
  const std::string about = "poison: a request to http://127.0.0.1:9: ";
  for (const std::string bad : {"", "get", "GET /x HTTP/1.1\r\nX:", "G\nT"})
    EXPECT_EQ(ask(client, {.method = bad}), about + "a method is a word in capital letters");
  for (const std::string bad : {"", "X Y", "X:", "X\r\n"})
    EXPECT_EQ(ask(client, {.headers = {{.name = bad, .value = "v"}}}),
              about + "a header has a name that is none");
  for (const auto& bad : {std::string{"a\r\nb"}, std::string{"a\nb"}, std::string{"\0", 1}})
    EXPECT_EQ(ask(client, {.headers = {{.name = "X", .value = bad}}}),
              about + "there is a line end or another control character in the header 'X'");
  EXPECT_EQ(ask(client, {.content_type = "a\r\nb"}),
            about + "there is a line end or another control character in the content type");
  for (const std::string own : {"Host", "content-length", "Transfer-Encoding"})
    EXPECT_EQ(ask(client, {.headers = {{.name = own, .value = "1"}}}),
              about + "the header '" + own + "' is set by the client itself");
}

// --- redirects -----------------------------------------------------------------------------------

TEST_F(ClientRequests, RedirectsAreAnswersUnlessTheyAreAskedFor) {
  const loopback::server server{[](loopback::peer& with, int) {
    for (;;) {
      const auto request = with.read_header();
      if (!request.ends_with("\r\n\r\n"))
        return;
      if (request.starts_with("GET /end "))
        with.send(answer("there"));
      else
        with.send("HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: "
                  + std::string{request.starts_with("GET /once ") ? "/end" : "/once"} + "\r\n\r\n");
    }
  }};
  const auto one = begin(http::client{{.base_url = server.url()}}, "/once");
  EXPECT_EQ(finish(one), "302 ");
  EXPECT_EQ((*one->answer)->value_of("location"), "/end");
  const http::client follows{{.base_url = server.url(), .redirects_max = 1}};
  EXPECT_EQ(get(follows, "/once"), "200 there");
  EXPECT_EQ(get(follows, "/twice"),
            "transient: GET " + server.url() + ": it is redirected more than 1 times");
}

TEST_F(ClientRequests, CredentialsAreNotSentToWhomOneIsRedirected) {
  const loopback::server other{mirror};
  const loopback::server server{[&](loopback::peer& with, int) {
    EXPECT_THAT(with.read_header(), HasSubstr("\r\nAuthorization: Bearer token\r\n"));
    with.send("HTTP/1.1 307 There\r\nContent-Length: 0\r\nLocation: " + other.url() + "/\r\n\r\n");
  }};
  const http::client client{
      {.base_url = server.url(), .redirects_max = 1, .login = {.file = write("token", "token\n")}}};
  const auto seen = get(client, "/");
  EXPECT_THAT(seen, StartsWith("200 GET / HTTP/1.1\r\n"));
  EXPECT_THAT(seen, Not(HasSubstr("Authorization")));
}

// --- credentials ---------------------------------------------------------------------------------

TEST_F(ClientRequests, CredentialsComeFromAFileOrTheEnvironment) {
  const loopback::server server{mirror};
  const auto sent = [&](http::credentials login) {
    return get(http::client{{.base_url = server.url(), .login = std::move(login)}}, "/");
  };
  EXPECT_THAT(sent({.file = write("token", "a.b-c\n")}),
              HasSubstr("\r\nAuthorization: Bearer a.b-c\r\n"));
  EXPECT_THAT(sent({.user = "me", .file = write("password", "pass word\r\n")}),
              HasSubstr("\r\nAuthorization: Basic bWU6cGFzcyB3b3Jk\r\n"));
  ::setenv("WEIR_TEST_TOKEN", "from-the-environment", 1); // NOLINT(concurrency-mt-unsafe)
  EXPECT_THAT(sent({.variable = "WEIR_TEST_TOKEN"}),
              HasSubstr("\r\nAuthorization: Bearer from-the-environment\r\n"));
  EXPECT_THAT(sent({}), Not(HasSubstr("Authorization")));
}

TEST_F(ClientRequests, ASecretThatIsNoneIsRefusedWithoutBeingShown) {
  const auto why = [](http::credentials login) {
    return why_refused({.base_url = "http://a", .login = std::move(login)});
  };
  const std::string begin = "an HTTP client can't be made: ";
  EXPECT_THAT(why({.file = path("none")}),
              StartsWith(begin + "the file '" + path("none") + "' can't be read: "));
  EXPECT_EQ(why({.variable = "WEIR_TEST_NOT_THERE"}),
            begin + "the variable 'WEIR_TEST_NOT_THERE' is not in the environment");
  EXPECT_EQ(why({.file = write("empty", "\n")}),
            begin + "the file '" + path("empty") + "' is empty");
  EXPECT_EQ(why({.file = write("lines", "secret\nsecret")}),
            begin + "there is a line end or another control character in the file '" + path("lines")
                + "'");
  EXPECT_EQ(why({.user = "me"}),
            begin + "there is a user, but neither a file nor a variable for the secret");
  EXPECT_EQ(why({.file = "a", .variable = "B"}),
            begin + "a secret is in a file or in the environment, not in both");
}

TEST_F(ClientRequests, ASecretThatWasReplacedIsReadAgainWhenItIsRefused) {
  const loopback::server server{[](loopback::peer& with, int) {
    for (;;) {
      const auto request = with.read_header();
      if (!request.ends_with("\r\n\r\n"))
        return;
      with.send(request.find("Bearer second\r\n") != std::string::npos
                    ? answer("welcome")
                    : "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
    }
  }};
  const auto token = write("token", "first\n");
  const http::client client{{.base_url = server.url(), .login = {.file = token}}};
  EXPECT_EQ(get(client, "/"), "401 ");
  write("token", "second\n");
  EXPECT_EQ(get(client, "/"), "200 welcome");
}

// --- proxies -------------------------------------------------------------------------------------

TEST_F(ClientRequests, AProxyIsAskedWhereTheOptionsSaySo) {
  const loopback::server proxy{mirror};
  const http::client client{{.base_url = "http://example.invalid:81/a",
                             .proxy = proxy.url(),
                             .proxy_login = {.user = "me", .file = write("password", "secret")}}};
  const auto seen = get(client, "?b=c");
  EXPECT_THAT(seen, StartsWith("200 GET http://example.invalid:81/a?b=c HTTP/1.1\r\n"));
  EXPECT_THAT(seen, HasSubstr("\r\nProxy-Authorization: Basic bWU6c2VjcmV0\r\n"));
}

TEST_F(ClientRequests, ThroughAProxyToATlsServerATunnelIsAskedFor) {
  std::string seen;
  const loopback::server proxy{[&](loopback::peer& with, int) {
    seen = with.read_header();
    with.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    with.close();
  }};
  const http::client client{{.base_url = "https://example.invalid",
                             .login = {.file = write("t", "secret")},
                             .proxy = proxy.url()}};
  EXPECT_THAT(get(client, "/a?b=c"), StartsWith("transient: GET https://example.invalid: "));
  EXPECT_THAT(seen, StartsWith("CONNECT example.invalid:443 HTTP/1.1\r\n"));
  EXPECT_THAT(seen, Not(HasSubstr("secret")));
}

TEST_F(ClientRequests, AProxyOfTheEnvironmentIsNotAsked) {
  const loopback::server server{mirror};
  for (const char* name : {"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"})
    ::setenv(name, "http://127.0.0.1:9", 1); // NOLINT(concurrency-mt-unsafe)
  const auto seen = get(http::client{{.base_url = server.url()}}, "/");
  for (const char* name : {"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"})
    ::unsetenv(name); // NOLINT(concurrency-mt-unsafe)
  EXPECT_THAT(seen, StartsWith("200 GET / HTTP/1.1\r\n"));
}

TEST_F(ClientRequests, AProxyThatCantBeOneIsRefused) {
  EXPECT_THAT(why_refused({.base_url = "http://a", .proxy = "localhost:3128"}),
              HasSubstr("its proxy"));
  const auto with_password =
      why_refused({.base_url = "http://a", .proxy = "http://me:secret@proxy:3128"});
  EXPECT_THAT(with_password, HasSubstr("its proxy"));
  EXPECT_THAT(with_password, Not(HasSubstr("secret")));
  EXPECT_THAT(why_refused({.base_url = "http://a", .proxy_login = {.user = "me", .file = "b"}}),
              HasSubstr("but no proxy"));
}
