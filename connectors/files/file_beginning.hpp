#pragma once

#include <weir/connectors/files/content_digest.hpp>
#include <weir/connectors/files/file_id.hpp>
#include <weir/connectors/files/lines_options.hpp>
#include <weir/mailbox/position_mark.hpp>
#include <weir/stages/partition_beginning.hpp>
#include <weir/supervision/failure.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace weir::files {

/// Where the reading of a file begins, after what is stored of it was compared with what is in it.
///
/// A file is the one that a point is of if its content up to the point's mark has the mark's digest: all that was
/// settled is there, byte by byte. Its path says only where to look, and the checksum of its head in the partition's name
/// tells most others apart without reading further.
struct file_beginning {
  partition_beginning where;
  position_mark mark = {}; ///< of the position behind which it begins, if that is known

  /// A last line that was settled without its end, so that it may go on now: it is read again. Line 0: there is none.
  struct open_line {
    std::uint64_t number = 0;
    std::uint64_t bytes = 0; ///< of the content, up to where it was settled
  };
  open_line open = {};

  /// Where the reading goes on in the file as it is stored, if that is known.
  struct place {
    file_id file;
    std::uint64_t line;
    content_digest before;
  };
  std::optional<files::file_beginning::place> place = {};
};

/// Looks for the file among what is known, and reads it once, up to where most was settled.
///
/// | What is known of files at this path | The file begins |
/// |---|---|
/// | nothing | at its beginning, or as the options say |
/// | a point with a mark that fits | behind it; an open last line is read again |
/// | a point without a mark, of an earlier version, whose name fits | before the last line that it settled, which is read again |
/// | only what doesn't fit | at its beginning, under a name of its own |
result<file_beginning> find_beginning(const lines_options& options, const known_partitions& known);

} // namespace weir::files
