#pragma once

#include <weir/supervision/failure.hpp>

#include <cstdint>
#include <filesystem>
#include <utility>

namespace weir::sqlite {

/// Who is alive among those that claimed something in a database: each claimant has a number, and holds a lock on
/// the byte of that number in a file beside the database ("dead.db-claims"). The system drops the lock when the
/// process ends, however it ends, so no number needs to be tidied up and no process id can be mistaken.
/// The file is beside the database itself, and not beside a symbolic link to it: whoever has that database open finds
/// the same locks.
///
/// Who deletes that file while letters are being replayed takes the locks out of sight: others take the letters for
/// given back. Each claimant notices when it claims or looks next, and goes on in the new file under its number.
///
/// Owner: one thread at a time.
class claims {
public:
  explicit claims(const std::filesystem::path& database);
  claims(const claims&) = delete;
  claims& operator=(const claims&) = delete;
  ~claims();

  /// True: the number is this object's for as long as it lives. False: somebody else holds it.
  result<bool> hold(std::uint64_t number);
  /// Does anybody hold it, this object included? Yes, where that can't be found out.
  result<bool> is_held(std::uint64_t number);
  /// If the file was deleted, or another one is in its place: takes `mine` in a new one. It is 0 if somebody has it
  /// there.
  result<void> renew();

  /// 0: none.
  std::uint64_t mine() const noexcept { return mine_; }

private:
  void find_path();
  result<void> open(bool make);
  bool is_there() const;

  const std::filesystem::path database_; // absolute; links may be in it
  std::filesystem::path path_; // known when it is first needed: then the database is there
  int file_ = -1;              // opened when it is first needed
  std::uint64_t mine_ = 0;
};

} // namespace weir::sqlite
