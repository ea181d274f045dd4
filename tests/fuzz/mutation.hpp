#pragma once

#include <weir/testkit/seeded.hpp>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace fuzz {

/// Makes an input of valid ones: bits flip, parts are cut, repeated, taken from another one or replaced by
/// a number at some boundary.
class mutation {
public:
  mutation(const std::vector<std::string>& corpus, std::uint64_t seed)
      : corpus_{corpus}, chance_{seed} {}

  std::string operator()() {
    auto input = any_of(corpus_);
    for (auto changes = chance_.below(6); changes > 0; --changes)
      change(input);
    input.resize(std::min(input.size(), size_max));
    return input;
  }

private:
  static constexpr std::size_t size_max = 256 * 1024;
  static constexpr std::array<std::string_view, 24> boundaries{
      "0",   "-1",         "1",        "127",        "128",        "255",
      "256", "65535",      "65536",    "2147483647", "2147483648", "4294967295",
      "-0",  "4294967296", "1e999",    "0x10",       "1.5",        "9223372036854775807",
      "NaN", "\r\n",       "\xFF\xFE", "\xC3",       "{}[]\"\\",   "18446744073709551616"};
  static constexpr std::array<unsigned char, 12> bytes{0,    1,    '\n', '\r', ' ',  '"',
                                                       0x7F, 0x80, 0xC0, 0xFE, 0xFF, ','};

  template <class List>
  const typename List::value_type& any_of(const List& list) {
    return list[chance_.below(list.size())];
  }

  struct part {
    std::size_t at;
    std::size_t size;
  };
  part any_part(std::string_view of) {
    const auto at = chance_.below(of.size() + 1);
    const auto most = of.size() - at;
    // Most are short, as fields are.
    return {at, chance_.below(std::min<std::size_t>(most, chance_.chance(0.8) ? 16 : most) + 1)};
  }

  void change(std::string& input) {
    const auto where = any_part(input);
    switch (chance_.below(9)) {
    case 0:
    case 1:
      if (!input.empty()) {
        auto& one = input[chance_.below(input.size())];
        one = static_cast<char>(one ^ (1 << chance_.below(8)));
      }
      break;
    case 2:
      if (!input.empty())
        input[chance_.below(input.size())] = static_cast<char>(any_of(bytes));
      break;
    case 3:
      input.erase(where.at, where.size);
      break;
    case 4:
      input.resize(where.at);
      break;
    case 5: {
      const auto again = input.substr(where.at, where.size);
      for (auto times = chance_.below(chance_.chance(0.1) ? 2000 : 4) + 1;
           times > 0 && input.size() < size_max; --times)
        input.insert(where.at, again);
      break;
    }
    case 6: {
      const auto& other = any_of(corpus_);
      const auto taken = any_part(other);
      input.replace(where.at, where.size, other, taken.at, taken.size);
      break;
    }
    case 7:
      replace_number(input);
      break;
    default:
      input.insert(where.at, any_of(boundaries));
    }
  }

  void replace_number(std::string& input) {
    const std::string_view digits = "0123456789";
    const auto first = input.find_first_of(digits, chance_.below(input.size() + 1));
    if (first == std::string::npos)
      return;
    const auto end = std::min(input.find_first_not_of(digits, first), input.size());
    input.replace(first, end - first, any_of(boundaries));
  }

  const std::vector<std::string>& corpus_;
  weir::testkit::seeded chance_;
};

} // namespace fuzz
