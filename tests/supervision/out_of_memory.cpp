#include "out_of_memory.hpp"

#include <cstddef>
#include <cstdlib>
#include <new>

namespace {

thread_local bool no_memory = false;

} // namespace

out_of_memory::out_of_memory() { no_memory = true; }
out_of_memory::~out_of_memory() { no_memory = false; }

// In a file of their own, so that the compiler doesn't see both sides and complain about malloc and free.
void* operator new(std::size_t size) {
  if (!no_memory)
    if (void* memory = std::malloc(size > 0 ? size : 1); memory != nullptr)
      return memory;
  throw std::bad_alloc{};
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
