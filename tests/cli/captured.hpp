#pragma once

#include <ios>
#include <sstream>
#include <streambuf>
#include <string>

/// What a stream wrote meanwhile.
class captured {
public:
  explicit captured(std::ios& of) : of_{of}, before_{of.rdbuf(text_.rdbuf())} {}
  captured(const captured&) = delete;
  ~captured() { of_.rdbuf(before_); }
  std::string text() const { return text_.str(); }

private:
  std::stringstream text_;
  std::ios& of_;
  std::streambuf* before_;
};
