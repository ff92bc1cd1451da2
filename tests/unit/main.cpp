// Runs every GoogleTest suite that is linked in. No static registration of
// dialects or passes: a suite that needs a context makes its own.

#include <gtest/gtest.h>

int main(int argc, char **argv) {
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
