#include <weir/supervision/failure.hpp>

#include <new>
#include <typeinfo>

#include <cxxabi.h>

namespace weir {

bool failure::operator==(const failure&) const = default;

result<void>::result(failure why) : why_{std::move(why)} {}

std::string_view to_string(failure_kind kind) noexcept {
  switch (kind) {
  case failure_kind::transient:
    return "transient";
  case failure_kind::poison:
    return "poison";
  case failure_kind::fatal:
    return "fatal";
  }
  return "unknown";
}

namespace {

std::string bounded(std::string_view text) {
  if (text.size() <= internal::failure_message_max)
    return std::string{text};
  auto cut = internal::failure_message_max;
  // Not in the middle of a UTF-8 sequence, which has at most three bytes behind its first.
  for (int back = 0; back < 3 && (static_cast<unsigned char>(text[cut]) & 0xC0U) == 0x80U; ++back)
    --cut;
  return std::string{text.substr(0, cut)} + "… (" + std::to_string(text.size()) + " bytes)";
}

failure make(failure_kind kind, std::string_view why) {
  return {.kind = kind, .chain = {bounded(why)}, .retry_after = {}};
}

std::string_view text_or_none(const char* text) { return text == nullptr ? "(no text)" : text; }

void append_exception(std::vector<std::string>& chain, const std::exception& thrown) {
  chain.push_back(bounded(text_or_none(thrown.what())));
  const auto* nested = dynamic_cast<const std::nested_exception*>(&thrown);
  // std::rethrow_nested ends the program where there is no cause.
  if (chain.size() >= internal::failure_chain_max || nested == nullptr || !nested->nested_ptr())
    return;
  try {
    nested->rethrow_nested();
  } catch (const std::exception& cause) {
    append_exception(chain, cause);
  } catch (...) {
    chain.emplace_back("an exception that is no std::exception");
  }
}

std::string type_name_of_current_exception() {
  const std::type_info* type = abi::__cxa_current_exception_type();
  if (type == nullptr)
    return "an unknown thing";
  int status = 0;
  char* readable = abi::__cxa_demangle(type->name(), nullptr, nullptr, &status);
  std::string name = status == 0 ? readable : type->name();
  std::free(readable);
  return name;
}

} // namespace

failure failure::within(std::string layer) && {
  if (chain.size() >= internal::failure_chain_max) // the outermost and the root say most
    chain.erase(chain.end() - 2);
  chain.insert(chain.begin(), bounded(layer));
  return std::move(*this);
}

std::string failure::message() const {
  if (chain.empty())
    return "(no cause)"; // short enough to need no memory: there may have been none
  std::string text;
  for (const auto& one : chain) {
    if (!text.empty())
      text += " ← ";
    text += one;
  }
  return text;
}

failure transient(std::string why) { return make(failure_kind::transient, why); }

failure transient(std::string why, std::chrono::milliseconds retry_after) {
  auto made = make(failure_kind::transient, why);
  made.retry_after = retry_after;
  return made;
}

failure poison(std::string why) { return make(failure_kind::poison, why); }

failure fatal(std::string why) { return make(failure_kind::fatal, why); }

failure describe_current_exception() noexcept {
  try {
    try {
      throw;
    } catch (const std::bad_alloc&) {
      return fatal("out of memory (std::bad_alloc)");
    } catch (const std::exception& thrown) {
      failure described{.kind = failure_kind::fatal, .chain = {}, .retry_after = {}};
      append_exception(described.chain, thrown);
      return described;
    } catch (const std::string& thrown) {
      return fatal("threw a std::string: " + thrown);
    } catch (const char* thrown) {
      return fatal("threw a string: " + std::string{text_or_none(thrown)});
    } catch (int thrown) {
      return fatal("threw an int: " + std::to_string(thrown));
    } catch (...) {
      return fatal("threw " + type_name_of_current_exception());
    }
  } catch (...) {
    return failure{.kind = failure_kind::fatal, .chain = {}, .retry_after = {}};
  }
}

} // namespace weir
