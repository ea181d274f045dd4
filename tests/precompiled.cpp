// Exists so that <gtest/gtest.h> is precompiled once: the test programs reuse this target's header.
