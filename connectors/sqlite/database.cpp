#include <weir/connectors/sqlite/database.hpp>

#include <cerrno>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

namespace weir::sqlite {

namespace {

failure described(sqlite3* connection, int code) {
  // A code that is not the connection's last one comes from a call that failed without touching it.
  const bool is_last = sqlite3_extended_errcode(connection) == code;
  const char* text = is_last ? sqlite3_errmsg(connection) : sqlite3_errstr(code);
  const char* file = sqlite3_db_filename(connection, "main");
  failure why{.kind = kind_of(code), .chain = {}, .retry_after = {}};
  return std::move(why)
      .within(std::string{text} + " (SQLite error " + std::to_string(code) + ")")
      .within("SQLite database '" + std::string{file != nullptr ? file : ""} + "'");
}

result<void> run_sql(sqlite3* connection, const char* sql) {
  if (const int code = sqlite3_exec(connection, sql, nullptr, nullptr, nullptr); code != SQLITE_OK)
    return described(connection, code);
  return {};
}

/// Why the path can't name a database; makes an empty file where there is none.
result<void> make_file(const std::filesystem::path& path, bool read_only) {
  if (path.empty() || path.native().find('\0') != std::string::npos)
    return fatal("the path of a database is empty or has a NUL byte in it");
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (std::filesystem::exists(status))
    return std::filesystem::is_regular_file(status) ? result<void>{}
                                                    : fatal("it is not a regular file");
  if (read_only)
    return fatal(error.message());
  // SQLite would let everybody read it. Not by open(): closing a descriptor of a file drops all locks that
  // this process holds on it, another connection's too.
  if (::mknod(path.c_str(), S_IFREG | S_IRUSR | S_IWUSR, 0) != 0 && errno != EEXIST)
    return fatal(std::generic_category().message(errno));
  return {};
}

/// Where the write-ahead log is of a database at a path without symbolic links.
std::filesystem::path log_of(std::filesystem::path real) {
  real += "-wal";
  return real;
}

/// Nobody writes it, as far as one can see who may not write it either: without a log, nobody has it open.
bool is_at_rest(const std::filesystem::path& real) {
  std::error_code error;
  return ::faccessat(AT_FDCWD, real.c_str(), W_OK, AT_EACCESS) != 0
         && !std::filesystem::exists(log_of(real), error);
}

std::optional<file_identity> identity_of(const std::filesystem::path& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0)
    return std::nullopt;
  return file_identity{found.st_dev, found.st_ino};
}

/// SQLite finds the log and the locks by a file's name: by two names, two programs would damage it.
result<void> has_one_name(const std::filesystem::path& real) {
  struct stat found {};
  if (::stat(real.c_str(), &found) == 0 && found.st_nlink > 1)
    return fatal("the file has " + std::to_string(found.st_nlink)
                 + " names (hard links): its log would be beside one of them only");
  return {};
}

failure not_there(const std::filesystem::path& path) {
  return transient("the file is not at its path any more: it was removed or moved, or another one "
                   "is in its place")
      .within("SQLite database '" + path.string() + "'");
}

/// To SQLite, a file that it need put no log and no locks beside: they would be in the owner's way.
std::string unchanging(const std::filesystem::path& path) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string uri = "file:";
  for (const char one : path.native())
    if (one == '%' || one == '?' || one == '#')
      uri += {'%', digits[static_cast<unsigned char>(one) >> 4U],
              digits[static_cast<unsigned char>(one) & 15U]};
    else
      uri += one;
  return uri + "?immutable=1";
}

} // namespace

failure_kind kind_of(int code) noexcept {
  switch (code & 0xFF) { // the primary code of an extended one
  case SQLITE_BUSY:
  case SQLITE_LOCKED:
  case SQLITE_FULL:
  case SQLITE_IOERR:
  case SQLITE_CANTOPEN:
  case SQLITE_NOMEM:
  case SQLITE_PROTOCOL:
  case SQLITE_SCHEMA:
  case SQLITE_INTERRUPT:
    return failure_kind::transient;
  case SQLITE_CONSTRAINT:
  case SQLITE_MISMATCH:
  case SQLITE_TOOBIG:
    return failure_kind::poison;
  default:
    return failure_kind::fatal;
  }
}

// --- statement ---------------------------------------------------------------------------------------

void statement::finalize::operator()(sqlite3_stmt* prepared) const noexcept {
  sqlite3_finalize(prepared);
}

void statement::bound(int code) {
  if (code != SQLITE_OK && bind_error_ == SQLITE_OK)
    bind_error_ = code;
}

void statement::bind_text(int parameter, std::string_view text) {
  const char* bytes = text.empty() ? "" : text.data(); // a null pointer would be a null
  bound(sqlite3_bind_text64(prepared_.get(), parameter, bytes, text.size(), SQLITE_TRANSIENT,
                            SQLITE_UTF8));
}

void statement::bind_blob(int parameter, std::string_view bytes) {
  const char* first = bytes.empty() ? "" : bytes.data();
  bound(sqlite3_bind_blob64(prepared_.get(), parameter, first, bytes.size(), SQLITE_TRANSIENT));
}

void statement::bind_integer(int parameter, std::int64_t value) {
  bound(sqlite3_bind_int64(prepared_.get(), parameter, value));
}

void statement::bind_real(int parameter, double value) {
  bound(sqlite3_bind_double(prepared_.get(), parameter, value));
}

void statement::bind_null(int parameter) { bound(sqlite3_bind_null(prepared_.get(), parameter)); }

void statement::clear() noexcept {
  bind_error_ = SQLITE_OK;
  sqlite3_clear_bindings(prepared_.get());
}

result<bool> statement::step() {
  auto* connection = sqlite3_db_handle(prepared_.get());
  if (const int code = std::exchange(bind_error_, SQLITE_OK); code != SQLITE_OK)
    return described(connection, code);
  switch (const int code = sqlite3_step(prepared_.get()); code) {
  case SQLITE_ROW:
    return true;
  case SQLITE_DONE:
    reset();
    return false;
  default: {
    auto why = described(connection, code); // `reset` forgets the text
    reset();
    return why;
  }
  }
}

result<void> statement::run() {
  for (;;) {
    auto more = step();
    if (!more)
      return std::move(more.error());
    if (!*more)
      return {};
  }
}

void statement::reset() noexcept { sqlite3_reset(prepared_.get()); }

std::int64_t statement::integer(int column) const {
  return sqlite3_column_int64(prepared_.get(), column);
}

std::string statement::text(int column) const {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(prepared_.get(), column));
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(prepared_.get(), column));
  return bytes != nullptr ? std::string{bytes, size} : std::string{};
}

// --- database ----------------------------------------------------------------------------------------

void database::close::operator()(sqlite3* connection) const noexcept {
  sqlite3_close_v2(connection); // lives on until its statements are gone
}

result<database> database::open(const std::filesystem::path& path, open_options options) {
  const auto layer = [&] { return "can't open the database '" + path.string() + "'"; };
  if (auto made = make_file(path, options.read_only); !made)
    return std::move(made.error()).within(layer());
  auto opened = connect(path, options);
  if (!opened)
    return std::move(opened.error()).within(layer());
  return opened;
}

result<database> database::connect(const std::filesystem::path& path, const open_options& options) {
  std::error_code error;
  // Absolute, for SQLite knows names that are no paths: ":memory:", "file:…".
  const auto absolute = std::filesystem::absolute(path, error);
  if (error)
    return fatal(error.message());
  const auto real = std::filesystem::weakly_canonical(absolute, error);
  if (error)
    return fatal(error.message());
  sqlite3* connection = nullptr;
  constexpr int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  // Else never read-only for SQLite: what a killed program left in the log must be recovered.
  const bool at_rest = options.read_only && is_at_rest(real);
  if (auto one = at_rest ? result<void>{} : has_one_name(real); !one)
    return std::move(one.error());
  const int code =
      at_rest
          ? sqlite3_open_v2(unchanging(absolute).c_str(), &connection,
                            flags | SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, nullptr)
          : sqlite3_open_v2(absolute.c_str(), &connection, flags | SQLITE_OPEN_READWRITE, nullptr);
  database opened{connection};
  if (code != SQLITE_OK) {
    auto why = fatal(sqlite3_errstr(code));
    if (const int reason = connection != nullptr ? sqlite3_system_errno(connection) : 0;
        reason != 0)
      why = std::move(why).within(std::generic_category().message(reason));
    return why;
  }
  opened.path_ = absolute;
  sqlite3_busy_timeout(connection, static_cast<int>(options.busy_timeout.count()));
  if (options.read_only) {
    // The second is the first look at the file's content.
    if (auto done = run_sql(connection, "PRAGMA query_only = ON; PRAGMA schema_version"); !done)
      return std::move(done.error());
    return opened;
  }
  if (sqlite3_db_readonly(connection, "main") != 0)
    return fatal("it may not be written");
  auto mode = opened.prepare("PRAGMA journal_mode = WAL");
  if (!mode)
    return std::move(mode.error());
  if (auto answered = mode->step(); !answered)
    return std::move(answered.error());
  if (const auto kept = mode->text(0); kept != "wal")
    return fatal("expected a write-ahead log (journal mode wal), found journal mode " + kept
                 + ": is it on a network file system?");
  mode->reset();
  const char* const synchronous = options.survives == durability::power
                                      ? "PRAGMA synchronous = FULL"
                                      : "PRAGMA synchronous = NORMAL";
  if (auto done = run_sql(connection, synchronous); !done)
    return std::move(done.error());
  if (auto known = opened.know_file(real, options.survives); !known)
    return std::move(known.error());
  return opened;
}

result<void> database::know_file(const std::filesystem::path& real, durability survives) {
  const auto found = identity_of(real);
  int moved = 0;
  // A system layer that can't say so has no files that move.
  sqlite3_file_control(connection_.get(), "main", SQLITE_FCNTL_HAS_MOVED, &moved);
  if (!found || moved != 0)
    return not_there(path_);
  file_ = *found;
  log_path_ = log_of(real);
  sqlite3_vfs* vfs = nullptr;
  sqlite3_file_control(connection_.get(), "main", SQLITE_FCNTL_VFS_POINTER, &vfs);
  unsynced_ = unsynced_log::of(real, vfs);
  syncs_itself_ = survives == durability::power;
  return {};
}

result<void> database::is_there() const {
  if (file_ != file_identity{} && identity_of(path_) != file_)
    return not_there(path_);
  return {};
}

result<void> database::is_log_there() {
  if (file_ == file_identity{})
    return {};
  const auto found = identity_of(log_path_);
  if (!log_file_) // one that has been told to keep no write-ahead log never has one
    log_file_ = found;
  else if (found != log_file_)
    return not_there(log_path_);
  return {};
}

result<statement> database::prepare(std::string_view sql) {
  sqlite3_stmt* prepared = nullptr;
  const int code = sqlite3_prepare_v3(connection_.get(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &prepared, nullptr);
  if (code != SQLITE_OK)
    return described(connection_.get(), code);
  return statement{prepared};
}

result<void> database::execute(const std::string& sql) {
  return run_sql(connection_.get(), sql.c_str());
}

int database::changes() const noexcept { return sqlite3_changes(connection_.get()); }

bool database::in_transaction() const noexcept {
  return sqlite3_get_autocommit(connection_.get()) == 0;
}

// --- transaction -------------------------------------------------------------------------------------

result<transaction> transaction::begin(database& in) {
  if (auto there = in.is_there(); !there)
    return std::move(there.error());
  if (auto begun = run_sql(in.connection_.get(), "BEGIN IMMEDIATE"); !begun)
    return std::move(begun.error());
  transaction made{in.connection_.get(), in.unsynced_.get(), in.syncs_itself_};
  if (auto there = in.is_log_there(); !there)
    return std::move(there.error());
  return made;
}

transaction::~transaction() { roll_back(); }

result<void> transaction::commit() {
  auto done = run_sql(connection_, "COMMIT");
  if (!done)
    roll_back(); // a COMMIT that found the database busy has left the transaction open
  else if (unsynced_ != nullptr && !syncs_itself_)
    unsynced_->committed();
  connection_ = nullptr;
  return done;
}

result<void> transaction::commit_behind_others() {
  if (auto synced = unsynced_log::sync_all_but(unsynced_); !synced) {
    roll_back();
    connection_ = nullptr;
    return synced;
  }
  return commit();
}

void transaction::roll_back() noexcept {
  // SQLite may have rolled back itself, for want of memory or disk.
  if (connection_ != nullptr && sqlite3_get_autocommit(connection_) == 0)
    sqlite3_exec(connection_, "ROLLBACK", nullptr, nullptr, nullptr);
}

} // namespace weir::sqlite
