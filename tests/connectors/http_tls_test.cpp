#include "../temporary_folder.hpp"
#include "asking.hpp"

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include <gmock/gmock.h>
#include <sys/wait.h>

using testing::HasSubstr;
using testing::StartsWith;
namespace http = weir::http;

namespace {

/// tests/connectors/https_server.py, as long as this lives.
class https_server {
public:
  https_server(const std::string& certificate, const std::string& key) {
    std::array<int, 2> to{};
    std::array<int, 2> from{};
    EXPECT_EQ(::pipe2(to.data(), O_CLOEXEC), 0);
    EXPECT_EQ(::pipe2(from.data(), O_CLOEXEC), 0);
    const std::string script = WEIR_SOURCE_DIR "/tests/connectors/https_server.py";
    process_ = ::fork();
    if (process_ == 0) {
      ::dup2(to[0], 0);
      ::dup2(from[1], 1);
      ::execlp("python3", "python3", script.c_str(), certificate.c_str(), key.c_str(), nullptr);
      ::_exit(127);
    }
    ::close(to[0]);
    ::close(from[1]);
    input_ = to[1];
    auto* const output = ::fdopen(from[0], "r");
    unsigned port = 0;
    EXPECT_EQ(std::fscanf(output, "%u", &port), 1) << "the server does not start";
    std::fclose(output);
    port_ = std::to_string(port);
  }
  https_server(const https_server&) = delete;
  https_server& operator=(const https_server&) = delete;
  ~https_server() {
    ::close(input_); // so that it ends
    ::waitpid(process_, nullptr, 0);
  }

  std::string url(const std::string& host) const { return "https://" + host + ":" + port_; }

private:
  pid_t process_ = -1;
  int input_ = -1;
  std::string port_;
};

class ClientTls : public asking::client_test, protected weir_test::temporary_folder {
protected:
  void SetUp() override {
    certificate_ = make("own");
    if (certificate_.empty())
      GTEST_SKIP() << "there is no openssl that makes a certificate: " << said_;
    server_.emplace(certificate_, key_of("own"));
  }
  void TearDown() override { server_.reset(); }

  /// A certificate for localhost that signs for itself; empty if it can't be made.
  std::string make(const std::string& name) {
    const auto certificate = path(name + ".pem");
    const auto command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
                         " -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
                         " -keyout "
                         + key_of(name) + " -out " + certificate + " >" + path("said") + " 2>&1";
    if (std::system(command.c_str()) == 0) // NOLINT(concurrency-mt-unsafe)
      return certificate;
    std::ifstream said{path("said")};
    std::getline(said, said_);
    return {};
  }
  std::string key_of(const std::string& name) const { return path(name + ".key"); }

  std::string certificate_;
  std::string said_;
  std::optional<https_server> server_;
};

} // namespace

TEST_F(ClientTls, AnswersComeOverAConnectionThatIsVerifiedAndKept) {
  const http::client client{{.base_url = server_->url("localhost"), .ca_file = certificate_}};
  for (int k = 1; k <= 3; ++k) {
    const auto one = begin(client, "/secret?of=mine");
    EXPECT_EQ(finish(one), "200 /secret?of=mine");
    EXPECT_EQ((*one->answer)->value_of("request-number"), std::to_string(k));
  }
}

TEST_F(ClientTls, AServerThatNobodySignsForIsNotAsked) {
  const auto refused = "transient: GET " + server_->url("localhost") + ": ";
  const auto by_the_system = get(http::client{{.base_url = server_->url("localhost")}}, "/a");
  EXPECT_THAT(by_the_system, StartsWith(refused));
  EXPECT_THAT(by_the_system, HasSubstr("certificate"));
  const auto another = make("another");
  EXPECT_THAT(get(http::client{{.base_url = server_->url("localhost"), .ca_file = another}}, "/a"),
              StartsWith(refused));
}

TEST_F(ClientTls, ACertificateForAnotherHostIsNone) {
  EXPECT_THAT(
      get(http::client{{.base_url = server_->url("127.0.0.1"), .ca_file = certificate_}}, "/a"),
      StartsWith("transient: GET " + server_->url("127.0.0.1") + ": "));
}

TEST_F(ClientTls, AFileOfCertificatesThatIsNotThereIsRefused) {
  EXPECT_THROW((http::client{{.base_url = "https://localhost", .ca_file = path("none.pem")}}),
               std::invalid_argument);
}
