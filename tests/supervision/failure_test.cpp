#include "out_of_memory.hpp"

#include <weir/supervision/failure.hpp>

#include <chrono>
#include <cstddef>
#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>

#include <gtest/gtest.h>

namespace {

using weir::failure;
using weir::failure_kind;

/// What a stage gets to know of a thing that was thrown.
template <class T>
failure described(T&& thrown) {
  try {
    throw std::forward<T>(thrown); // NOLINT(misc-throw-by-value-catch-by-reference): also pointers
  } catch (...) {
    return weir::describe_current_exception();
  }
}

TEST(Failure, KnowsItsKindAndItsCause) {
  EXPECT_EQ(weir::transient("503").kind, failure_kind::transient);
  EXPECT_EQ(weir::poison("no id").kind, failure_kind::poison);
  EXPECT_EQ(weir::fatal("corrupt").kind, failure_kind::fatal);
  EXPECT_EQ(weir::poison("no id").message(), "no id");
  EXPECT_EQ(weir::transient("429", std::chrono::seconds{3}).retry_after, std::chrono::seconds{3});
  EXPECT_FALSE(weir::transient("503").retry_after);
}

TEST(Failure, NamesItsKinds) {
  EXPECT_EQ(to_string(failure_kind::transient), "transient");
  EXPECT_EQ(to_string(failure_kind::poison), "poison");
  EXPECT_EQ(to_string(failure_kind::fatal), "fatal");
}

TEST(Failure, PrintsItsLayersFromTheOutermostToTheRoot) {
  const auto why = weir::transient("connection refused", std::chrono::seconds{1})
                       .within("GET /facts")
                       .within("stage 'enrich'");
  EXPECT_EQ(why.message(), "stage 'enrich' ← GET /facts ← connection refused");
  EXPECT_EQ(why.kind, failure_kind::transient);
  EXPECT_EQ(why.retry_after, std::chrono::seconds{1});
}

TEST(Failure, CutsAMessageThatIsTooLongAndSaysHowLongItWas) {
  const std::string most(weir::internal::failure_message_max, 'x');
  EXPECT_EQ(weir::poison(most).message(), most);
  EXPECT_EQ(weir::poison(most + 'x').message(), most + "… (4097 bytes)");
  EXPECT_EQ(weir::poison("").within(most + most).chain.front(), most + "… (8192 bytes)");
}

TEST(Failure, NeverCutsInTheMiddleOfACharacter) {
  for (const std::string character : {"ü", "€", "😀"})
    for (std::size_t shift = 0; shift < character.size(); ++shift) {
      auto text = std::string(shift, 'x');
      while (text.size() < weir::internal::failure_message_max + 8)
        text += character;
      auto cut = weir::poison(text).message();
      cut.resize(cut.find("… ("));
      EXPECT_LE(cut.size(), weir::internal::failure_message_max);
      EXPECT_GT(cut.size(), weir::internal::failure_message_max - 4);
      EXPECT_EQ((cut.size() - shift) % character.size(), 0U) << character << ' ' << shift;
    }
}

TEST(Failure, KeepsTheBeginningOfAMessageThatIsNoText) {
  const auto why = weir::poison("bad bytes: " + std::string(10'000, '\x80'));
  EXPECT_TRUE(why.message().starts_with("bad bytes: "));
  EXPECT_GT(why.message().size(), weir::internal::failure_message_max - 4);
}

TEST(Failure, OfAStandardExceptionIsFatalAndSaysWhat) {
  EXPECT_EQ(described(std::runtime_error{"it broke"}), weir::fatal("it broke"));
}

TEST(Failure, BoundsAHugeWhat) {
  const auto why = described(std::runtime_error{std::string(8'000'000, 'x')});
  EXPECT_LT(why.message().size(), weir::internal::failure_message_max + 100);
  EXPECT_TRUE(why.message().ends_with("… (8000000 bytes)"));
}

struct silent : std::exception {
  const char* what() const noexcept override { return nullptr; }
};

TEST(Failure, SurvivesAnExceptionThatSaysNothing) {
  const auto why = described(silent{});
  EXPECT_EQ(why.kind, failure_kind::fatal);
  EXPECT_FALSE(why.message().empty());
}

TEST(Failure, OfNestedExceptionsIsTheirChain) {
  failure why;
  try {
    try {
      try {
        throw std::runtime_error{"connection reset"};
      } catch (...) {
        std::throw_with_nested(std::runtime_error{"could not send"});
      }
    } catch (...) {
      std::throw_with_nested(std::logic_error{"could not store"});
    }
  } catch (...) {
    why = weir::describe_current_exception();
  }
  EXPECT_EQ(why.message(), "could not store ← could not send ← connection reset");
}

TEST(Failure, OfNestedThingsThatAreNoExceptionsSaysSo) {
  failure why;
  try {
    try {
      throw 42;
    } catch (...) {
      std::throw_with_nested(std::runtime_error{"outside"});
    }
  } catch (...) {
    why = weir::describe_current_exception();
  }
  ASSERT_EQ(why.chain.size(), 2U);
  EXPECT_EQ(why.chain.front(), "outside");
  EXPECT_FALSE(why.chain.back().empty());
}

TEST(Failure, OfANestedExceptionThatNestsNothingIsItself) {
  failure why;
  try {
    std::throw_with_nested(std::runtime_error{"alone"}); // outside of any catch clause
  } catch (...) {
    why = weir::describe_current_exception();
  }
  EXPECT_EQ(why.message(), "alone");
}

void throw_nested(int depth) {
  if (depth == 0)
    throw std::runtime_error{"the root"};
  try {
    throw_nested(depth - 1);
  } catch (...) {
    std::throw_with_nested(std::runtime_error{std::string(10'000, 'x')});
  }
}

TEST(Failure, BoundsAChainOfCauses) {
  failure why;
  try {
    throw_nested(1000);
  } catch (...) {
    why = weir::describe_current_exception();
  }
  EXPECT_LE(why.chain.size(), weir::internal::failure_chain_max);
  EXPECT_LT(why.message().size(),
            weir::internal::failure_chain_max * (weir::internal::failure_message_max + 100));
}

struct custom {};

TEST(Failure, DescribesWhateverIsThrown) {
  EXPECT_EQ(described(42).message(), "threw an int: 42");
  EXPECT_EQ(described("text").message(), "threw a string: text");
  EXPECT_EQ(described(std::string{"text"}).message(), "threw a std::string: text");
  EXPECT_EQ(described(custom{}).message(), "threw (anonymous namespace)::custom");
  EXPECT_EQ(described(1.5).message(), "threw double");
  EXPECT_EQ(described(std::bad_alloc{}).message(), "out of memory (std::bad_alloc)");
  for (const auto& why : {described(42), described(custom{}), described(std::bad_alloc{})})
    EXPECT_EQ(why.kind, failure_kind::fatal);
}

TEST(Failure, BoundsAHugeThingThatIsThrown) {
  EXPECT_LT(described(std::string(8'000'000, 'x')).message().size(),
            weir::internal::failure_message_max + 100);
}

TEST(Failure, SurvivesAThrownNullPointer) {
  EXPECT_FALSE(described(static_cast<const char*>(nullptr)).message().empty());
  EXPECT_FALSE(described(nullptr).message().empty());
}

TEST(Failure, IsDescribedEvenWithoutMemory) {
  failure why;
  try {
    throw std::runtime_error{"it broke in a way that takes more than a few bytes to tell"};
  } catch (...) {
    const out_of_memory now;
    why = weir::describe_current_exception();
  }
  EXPECT_EQ(why.kind, failure_kind::fatal);
  EXPECT_FALSE(why.message().empty()) << "somebody will have to read it";
}

TEST(Result, IsAValueOrTheFailureThatStandsForIt) {
  const weir::result<int> value = 42;
  ASSERT_TRUE(value);
  EXPECT_EQ(*value, 42);
  const weir::result<int> none = weir::poison("no number");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().message(), "no number");
}

TEST(Result, OfNothingSucceedsUnlessItSaysOtherwise) {
  const weir::result<void> done;
  EXPECT_TRUE(done);
  const weir::result<void> refused = weir::transient("full");
  EXPECT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, failure_kind::transient);
}

} // namespace
