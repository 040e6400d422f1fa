#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>

#include "engine/demonstrations.h"
#include "kernels/error.h"
#include "tests/temporary_folder.h"

namespace mynah {

inline void write_text(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

inline std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Random demonstrations with every optional part, in episodes of the given lengths.
inline Demonstrations random_demonstrations(const std::vector<Index>& lengths, Index observation_size,
                                            Index action_size, bool discrete = false) {
  std::mt19937 random(7);
  std::normal_distribution<float> normal;
  Demonstrations d;
  d.observation_size = observation_size;
  d.discrete = discrete;
  d.action_size = discrete ? 0 : action_size;
  d.action_count = discrete ? action_size : 0;
  d.source = "example.npz";
  Index rows = 0;
  for (const Index length : lengths) {
    for (Index step = 0; step < length; ++step) {
      for (Index i = 0; i < observation_size; ++i) {
        d.observations.push_back(normal(random));
        d.next_observations.push_back(normal(random));
      }
      for (Index i = 0; i < d.action_size; ++i) d.actions.push_back(normal(random));
      if (discrete) d.labels.push_back(static_cast<std::int32_t>(random() % static_cast<unsigned>(action_size)));
      d.rewards.push_back(normal(random));
      d.terminals.push_back(step + 1 == length && rows % 2 == 0 ? 1 : 0);
      d.timeouts.push_back(step + 1 == length && rows % 2 == 1 ? 1 : 0);
    }
    rows += length;
    d.episode_ends.push_back(rows);
  }
  return d;
}

inline void expect_same_data(const Demonstrations& a, const Demonstrations& b) {
  EXPECT_EQ(a.observation_size, b.observation_size);
  EXPECT_EQ(a.action_size, b.action_size);
  EXPECT_EQ(a.action_count, b.action_count);
  EXPECT_EQ(a.discrete, b.discrete);
  EXPECT_EQ(a.observations, b.observations);
  EXPECT_EQ(a.actions, b.actions);
  EXPECT_EQ(a.labels, b.labels);
  EXPECT_EQ(a.rewards, b.rewards);
  EXPECT_EQ(a.next_observations, b.next_observations);
  EXPECT_EQ(a.terminals, b.terminals);
  EXPECT_EQ(a.timeouts, b.timeouts);
  EXPECT_EQ(a.episode_ends, b.episode_ends);
  EXPECT_EQ(a.observation_names, b.observation_names);
  EXPECT_EQ(a.action_names, b.action_names);
}

/// The whole message with which `action` is refused, which must be the user's fault and must name a remedy.
template <class Action>
std::string refusal_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.cause(), Error::Cause::input) << error.what();
    EXPECT_FALSE(error.place().empty());
    EXPECT_FALSE(error.problem().empty());
    EXPECT_FALSE(error.remedy().empty()) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "nothing was refused";
  return {};
}

}  // namespace mynah
