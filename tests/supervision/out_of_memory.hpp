#pragma once

/// While one of these lives, its thread gets no memory from `new`.
class out_of_memory {
public:
  out_of_memory();
  out_of_memory(const out_of_memory&) = delete;
  out_of_memory& operator=(const out_of_memory&) = delete;
  ~out_of_memory();
};
