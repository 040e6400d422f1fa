#include "engine/nearest_name.h"

#include <gtest/gtest.h>

#include <vector>

namespace mynah {
namespace {

TEST(NearestName, FindsWhatWasMeant) {
  const std::vector<std::string> known = {"batch-size", "epochs", "hidden", "learning-rate", "seed"};
  EXPECT_EQ(nearest_name("epoch", known), "epochs");
  EXPECT_EQ(nearest_name("bach-size", known), "batch-size");
  EXPECT_EQ(nearest_name("learnign-rate", known), "learning-rate");
  EXPECT_EQ(nearest_name("sed", known), "seed");
  EXPECT_EQ(nearest_name("seed", known), "seed");
  EXPECT_EQ(nearest_name("momentum", known), "");
  EXPECT_EQ(nearest_name("", known), "");
  EXPECT_EQ(nearest_name("epochs", {}), "");
}

}  // namespace
}  // namespace mynah
