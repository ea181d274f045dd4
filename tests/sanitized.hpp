#pragma once

/// What this test was built with, for those that do less under a sanitizer or can't run under it at all. GCC tells by
/// macros, Clang by features.
#if defined(__has_feature)
#define WEIR_TEST_HAS(feature) __has_feature(feature)
#else
#define WEIR_TEST_HAS(feature) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || WEIR_TEST_HAS(address_sanitizer)
inline constexpr bool address_sanitizer = true;
#else
inline constexpr bool address_sanitizer = false;
#endif

#if defined(__SANITIZE_THREAD__) || WEIR_TEST_HAS(thread_sanitizer)
inline constexpr bool thread_sanitizer = true;
#else
inline constexpr bool thread_sanitizer = false;
#endif

#undef WEIR_TEST_HAS

inline constexpr bool sanitized = address_sanitizer || thread_sanitizer;
