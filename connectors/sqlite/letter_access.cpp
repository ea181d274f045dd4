#include <weir/connectors/sqlite/letter_access.hpp>
#include <weir/connectors/sqlite/letter_numbers.hpp>

namespace weir::sqlite {

result<void> letter_access::open() {
  const std::lock_guard guard{lock_};
  return connect();
}

result<void> letter_access::connect() {
  if (connected_)
    return {};
  auto opened = letter_connection::open(path_, options_, claims_);
  if (!opened)
    return std::move(opened.error());
  connected_ = std::move(*opened);
  return {};
}

result<bool> letter_access::any_orphans(letter_connection& in) {
  auto gone = in.orphans(claims_);
  if (!gone)
    return std::move(gone.error());
  return !gone->empty();
}

result<void> letter_access::become_claimant(letter_connection& in) {
  if (auto there = claims_.renew(); !there)
    return there;
  while (claims_.mine() == 0) {
    auto number = in.writing([&] { return next_claimant(in.where); });
    if (!number)
      return std::move(number.error());
    // The number is taken where the database is new, and the file beside it is not.
    if (auto held = claims_.hold(*number); !held)
      return std::move(held.error());
  }
  return {};
}

} // namespace weir::sqlite
