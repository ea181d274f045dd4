#include "fuzz.hpp"
#include "mutation.hpp"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <unistd.h>

// NOLINTNEXTLINE(bugprone-reserved-identifier, readability-identifier-naming)
extern "C" __attribute__((weak)) void __sanitizer_set_death_callback(void (*)());

namespace {

constexpr unsigned patience = 20; // seconds for one input

// Of the input that is being run: for a signal handler.
std::string_view input;
char failure_path[200];
std::uint64_t input_seed = 0;
bool from_file = false;

void say(std::string_view text) {
  [[maybe_unused]] const auto written = ::write(2, text.data(), text.size());
}

/// Only what a signal handler may do.
void keep_input() {
  if (from_file)
    return;
  const int to = ::open(failure_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  [[maybe_unused]] const auto written = ::write(to, input.data(), input.size());
  ::close(to);
  char number[24];
  char* digit = number + sizeof number;
  auto rest = input_seed;
  do
    *--digit = static_cast<char>('0' + rest % 10);
  while ((rest /= 10) > 0);
  say("fuzz: failed with --seed ");
  say({digit, static_cast<std::size_t>(number + sizeof number - digit)});
  say(" --inputs 1; the input is in ");
  say(failure_path);
  say("\n");
}

void died(int signal) {
  if (signal == SIGALRM)
    say("fuzz: this input takes too long\n");
  keep_input();
  std::signal(signal, SIG_DFL);
  ::raise(signal);
}

void run(std::string_view bytes) {
  input = bytes;
  ::alarm(patience);
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  ::alarm(0);
}

std::uint64_t number_of(const char* text) { return std::strtoull(text, nullptr, 10); }

} // namespace

/// `target [--seed S] [--inputs N]` runs the corpus and N inputs made of it, by the seeds S, S + 1, …;
/// `target FILE…` runs these; `target --corpus FOLDER` writes the corpus there, for libFuzzer.
int main(int argc, char** argv) {
  for (const int signal : {SIGABRT, SIGALRM})
    std::signal(signal, died);
  if (__sanitizer_set_death_callback != nullptr) // which says more about the others
    __sanitizer_set_death_callback(keep_input);
  else
    for (const int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE})
      std::signal(signal, died);
  std::signal(SIGPIPE, SIG_IGN);

  const auto name = std::string_view{argv[0]}.substr(std::string_view{argv[0]}.rfind('/') + 1);
  std::snprintf(failure_path, sizeof failure_path, "%.*s.failed", static_cast<int>(name.size()),
                name.data());
  std::uint64_t seed = 1;
  std::uint64_t inputs = 1000;
  for (int k = 1; k < argc; ++k) {
    const std::string_view what = argv[k];
    if (what == "--seed" && k + 1 < argc) {
      seed = number_of(argv[++k]);
    } else if (what == "--inputs" && k + 1 < argc) {
      inputs = number_of(argv[++k]);
    } else if (what == "--corpus" && k + 1 < argc) {
      int number = 0;
      for (const auto& one : fuzz::corpus())
        fuzz::write_file(std::string{argv[k + 1]} + "/" + std::to_string(number++), one);
      return 0;
    } else if (what.starts_with('-')) {
      std::fprintf(stderr, "usage: %s [--seed S] [--inputs N] | FILE... | --corpus FOLDER\n",
                   argv[0]);
      return 2;
    } else {
      from_file = true;
      run(fuzz::read_file(argv[k]));
      inputs = 0;
    }
  }
  if (from_file)
    return 0;

  const auto corpus = fuzz::corpus();
  input_seed = 0;
  for (const auto& one : corpus)
    run(one);
  for (std::uint64_t k = 0; k < inputs; ++k) {
    input_seed = seed + k;
    run(fuzz::mutation{corpus, input_seed}());
  }
  std::printf("%.*s: seed %llu inputs %llu failures 0\n", static_cast<int>(name.size()),
              name.data(), static_cast<unsigned long long>(seed),
              static_cast<unsigned long long>(inputs));
  return 0;
}
