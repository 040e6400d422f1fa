#include "engine/demonstrations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <limits>

#include "demonstrations_fixture.h"
#include "engine/demonstrations_formats.h"

namespace mynah {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr float nan = std::numeric_limits<float>::quiet_NaN();

Demonstrations read(const std::vector<NpyArray>& arrays, const LoadOptions& options = {}) {
  const std::string file = serialize_npz(arrays);
  return parse_demonstrations_npz(std::as_bytes(std::span(file)), "FILE", options);
}

std::string refusal(const std::vector<NpyArray>& arrays, const LoadOptions& options = {}) {
  return refusal_of([&] { read(arrays, options); });
}

NpyArray zeros(const char* name, std::vector<Index> shape) {
  NpyArray array{name, NpyArray::Kind::floating, 4, std::move(shape), {}};
  array.data.resize(static_cast<std::size_t>(array.size()) * 4);
  return array;
}

NpyArray integers(const char* name, std::vector<std::int64_t> values) {
  return npy_array(name, values, {static_cast<Index>(values.size())});
}

TEST(Demonstrations, SavedAndLoadedAreTheSame) {
  const TemporaryFolder folder;
  for (const bool discrete : {false, true}) {
    Demonstrations d = random_demonstrations({5, 1, 7}, 4, 3, discrete);
    d.observation_names = {"x", "größe", "z", "w"};
    d.action_names = {"left", "none", "right"};
    save_demonstrations(folder / "a.npz", d);
    const Demonstrations loaded = load_demonstrations(folder / "a.npz");
    expect_same_data(loaded, d);
    EXPECT_EQ(loaded.source, (folder / "a.npz").string());
    const std::string bytes = read_text(folder / "a.npz");
    save_demonstrations(folder / "a.npz", loaded);
    EXPECT_EQ(read_text(folder / "a.npz"), bytes);
  }
}

TEST(Demonstrations, OptionalPartsMayBeMissing) {
  const TemporaryFolder folder;
  Demonstrations d = random_demonstrations({5, 3}, 4, 3);
  d.rewards.clear();
  d.next_observations.clear();
  d.timeouts.clear();
  save_demonstrations(folder / "a.npz", d);
  expect_same_data(load_demonstrations(folder / "a.npz"), d);
  EXPECT_THAT(d.returns(), IsEmpty());
}

TEST(Demonstrations, EpisodesAndReturns) {
  Demonstrations d = random_demonstrations({2, 1, 3}, 1, 1);
  d.rewards = {1, 2, 4, 8, 16, 32};
  EXPECT_EQ(d.rows(), 6);
  EXPECT_EQ(d.episodes(), 3);
  EXPECT_THAT(d.returns(), ElementsAre(3, 4, 56));
  EXPECT_EQ(d.episode(2).begin, 3);
  EXPECT_EQ(d.episode(2).end, 6);
  EXPECT_EQ(d.episode_of(1), 0);
  EXPECT_EQ(d.episode_of(2), 1);
  EXPECT_EQ(d.episode_of(5), 2);
  const Demonstrations chosen = d.select(std::vector<Index>{2, 0});
  EXPECT_THAT(chosen.rewards, ElementsAre(8, 16, 32, 1, 2));
  EXPECT_THAT(chosen.episode_ends, ElementsAre(3, 5));
  EXPECT_NO_THROW(chosen.validate());
  EXPECT_THAT(refusal_of([&] { static_cast<void>(d.select(std::vector<Index>{3})); }), HasSubstr("no episode 3"));
}

TEST(Demonstrations, NotANumberIsNamedWithItsPlaceAndARemedy) {
  Demonstrations d = random_demonstrations({600, 600, 600}, 4, 2);
  d.source = "demos/run7.npz";
  d.observations[1234 * 4 + 3] = nan;
  EXPECT_EQ(
      refusal_of([&] { d.validate(); }),
      "demos/run7.npz: observations[1234, 3] is NaN (array 'observations', episode 2, step 34)\n"
      "remove the episode with `mynah inspect demos/run7.npz --drop-episode 2 --out clean.npz`, or fix the recording");
  EXPECT_NO_THROW(d.validate_structure());
  d.observations[1234 * 4 + 3] = 0;
  d.rewards[600] = -std::numeric_limits<float>::infinity();
  EXPECT_THAT(refusal_of([&] { d.validate(); }),
              HasSubstr("rewards[600] is infinite (array 'rewards', episode 1, step 0)"));
  d.rewards[600] = 0;
  d.actions.back() = nan;
  d.source = "a file's name.npz";
  EXPECT_THAT(refusal_of([&] { d.validate(); }), AllOf(HasSubstr("actions[1799, 1] is NaN"),
                                                       HasSubstr("inspect 'a file'\\''s name.npz' --drop-episode 2")));
}

TEST(Demonstrations, NotANumberInAFileIsRefusedForTrainingAndReadForInspection) {
  const TemporaryFolder folder;
  Demonstrations d = random_demonstrations({2000}, 3, 2);
  d.observations[1234 * 3 + 1] = nan;
  save_demonstrations(folder / "a.npz", d);
  EXPECT_THAT(refusal_of([&] { load_demonstrations(folder / "a.npz"); }),
              AllOf(HasSubstr("a.npz: observations[1234, 1] is NaN"), HasSubstr("step 1234")));
  LoadOptions options;
  options.require_finite = false;
  EXPECT_EQ(load_demonstrations(folder / "a.npz", options).rows(), 2000);
}

TEST(Demonstrations, SizesThatDoNotFitAreRefused) {
  const auto refused = [](auto change) {
    Demonstrations d = random_demonstrations({3, 4}, 4, 2);
    change(d);
    return refusal_of([&] { d.validate(); });
  };
  EXPECT_THAT(refused([](auto& d) { d.rewards.pop_back(); }), HasSubstr("rewards holds 6 values"));
  EXPECT_THAT(refused([](auto& d) { d.actions.pop_back(); }), HasSubstr("actions holds 13 values"));
  EXPECT_THAT(refused([](auto& d) { d.terminals.clear(); }), HasSubstr("terminals"));
  EXPECT_THAT(refused([](auto& d) { d.next_observations.pop_back(); }), HasSubstr("next_observations"));
  EXPECT_THAT(refused([](auto& d) { d.observations.pop_back(); }), HasSubstr("observations holds 27 values"));
  EXPECT_THAT(refused([](auto& d) { d.episode_ends.clear(); }), HasSubstr("has no episodes"));
  EXPECT_THAT(refused([](auto& d) { d.episode_ends = {3, 3, 7}; }), HasSubstr("episode 1 is empty"));
  EXPECT_THAT(refused([](auto& d) { d.episode_ends = {4, 3, 7}; }), HasSubstr("episode_ends[1] is 3"));
  EXPECT_THAT(refused([](auto& d) { d.episode_ends = {-1, 7}; }), HasSubstr("episode_ends[0] is -1"));
  EXPECT_THAT(refused([](auto& d) { d.episode_ends = {3, 8}; }), HasSubstr("episode_ends[1] is 8"));
  EXPECT_THAT(refused([](auto& d) { d.episode_ends = {3}; }), HasSubstr("last of episode_ends is 3"));
  EXPECT_THAT(refused([](auto& d) { d = Demonstrations{}; }), HasSubstr("has no episodes"));
  EXPECT_THAT(refused([](auto& d) { d.observation_names = {"x"}; }), HasSubstr("1 names for 4"));
  EXPECT_THAT(refused([](auto& d) {
                d = random_demonstrations({3, 4}, 4, 2, true);
                d.labels[5] = -1;
              }),
              AllOf(HasSubstr("actions[5] is -1"), HasSubstr("episode 1, step 2")));
  EXPECT_THAT(refused([](auto& d) {
                d = random_demonstrations({3, 4}, 4, 2, true);
                d.action_count = 1 << 30;
              }),
              HasSubstr("classes"));
}

TEST(DemonstrationsNpz, TrajectoriesOfImitation) {
  // Two trajectories of 2 and 3 actions; each has one observation more than actions.
  std::vector<float> observations{0, 1, 2, 10, 11, 12, 13};
  const std::vector<NpyArray> arrays{npy_array("obs", observations, {7, 1}), integers("acts", {0, 1, 1, 0, 1}),
                                     integers("indices", {2}),
                                     npy_array_of_flags("terminal", std::vector<std::uint8_t>{1, 0}),
                                     npy_array("rews", std::vector<float>{1, 2, 3, 4, 5}, {5})};
  const Demonstrations d = read(arrays);
  EXPECT_THAT(d.observations, ElementsAre(0, 1, 10, 11, 12));
  EXPECT_THAT(d.next_observations, ElementsAre(1, 2, 11, 12, 13));
  EXPECT_THAT(d.labels, ElementsAre(0, 1, 1, 0, 1));
  EXPECT_THAT(d.episode_ends, ElementsAre(2, 5));
  EXPECT_THAT(d.terminals, ElementsAre(0, 1, 0, 0, 0));
  EXPECT_THAT(d.timeouts, ElementsAre(0, 0, 0, 0, 1));
  EXPECT_THAT(d.returns(), ElementsAre(3, 12));
  // Without the last observations
  std::vector<NpyArray> shorter = arrays;
  shorter[0] = npy_array("obs", std::vector<float>{0, 1, 10, 11, 12}, {5, 1});
  EXPECT_THAT(read(shorter).observations, ElementsAre(0, 1, 10, 11, 12));
  EXPECT_THAT(read(shorter).next_observations, IsEmpty());
  // What does not fit
  std::vector<NpyArray> bad = arrays;
  bad[2] = integers("indices", {6});
  EXPECT_THAT(refusal(bad), AllOf(HasSubstr("'indices'"), HasSubstr("trajectory 0")));
  bad[2] = integers("indices", {2, 2});
  EXPECT_THAT(refusal(bad), HasSubstr("trajectory 1"));
  bad = arrays;
  bad[3] = npy_array_of_flags("terminal", std::vector<std::uint8_t>{1});
  EXPECT_THAT(refusal(bad), AllOf(HasSubstr("'terminal'"), HasSubstr("2 trajectories")));
}

TEST(DemonstrationsNpz, EpisodesEndWhereDoneIsSet) {
  std::vector<NpyArray> arrays{zeros("obs", {5, 2}), zeros("acts", {5, 1}),
                               npy_array_of_flags("dones", std::vector<std::uint8_t>{0, 1, 0, 1, 0})};
  const Demonstrations d = read(arrays);
  EXPECT_THAT(d.episode_ends, ElementsAre(2, 4, 5));
  EXPECT_THAT(d.terminals, ElementsAre(0, 1, 0, 1, 0));
  EXPECT_FALSE(d.discrete);
  EXPECT_EQ(d.action_size, 1);
  arrays.pop_back();
  EXPECT_THAT(refusal(arrays), AllOf(HasSubstr("where episodes end"), HasSubstr("episode_ends")));
}

TEST(DemonstrationsNpz, ActionsByTypeOrAsAsked) {
  LoadOptions discrete;
  discrete.actions = LoadOptions::Actions::discrete;
  LoadOptions continuous;
  continuous.actions = LoadOptions::Actions::continuous;
  std::vector<NpyArray> arrays{zeros("obs", {3, 2}), integers("acts", {0, 2, 1}), integers("episode_ends", {3})};
  EXPECT_EQ(read(arrays).action_count, 3);
  EXPECT_THAT(read(arrays, continuous).actions, ElementsAre(0, 2, 1));
  arrays[1] = npy_array("acts", std::vector<float>{0, 2, 1}, {3});
  EXPECT_THAT(read(arrays).actions, ElementsAre(0, 2, 1));
  EXPECT_THAT(read(arrays, discrete).labels, ElementsAre(0, 2, 1));
  arrays[1] = npy_array("acts", std::vector<float>{0, 2, 0.5}, {3});
  EXPECT_THAT(refusal(arrays, discrete), AllOf(HasSubstr("row 2"), HasSubstr("0.5")));
  arrays[1] = integers("acts", {0, -2, 1});
  EXPECT_THAT(refusal(arrays), HasSubstr("acts[1] is -2"));
  arrays[1] = integers("acts", {0, std::int64_t{1} << 40, 1});
  EXPECT_THAT(refusal(arrays), HasSubstr("acts[1] is 1099511627776"));
  arrays[1] = npy_array("acts", std::vector<std::int64_t>{0, 1, 2, 3, 4, 5}, {3, 2});
  EXPECT_THAT(refusal(arrays), HasSubstr("2 columns"));
}

TEST(DemonstrationsNpz, WhatDoesNotFitNamesTheArray) {
  const NpyArray ends = integers("episode_ends", {3});
  EXPECT_THAT(refusal({zeros("observations", {3, 2}), ends}), AllOf(HasSubstr("'actions'"), HasSubstr("observations")));
  EXPECT_THAT(refusal({zeros("x", {3, 2})}), HasSubstr("'observations'"));
  EXPECT_THAT(refusal({zeros("observations", {3, 2, 2}), zeros("actions", {3}), ends}), HasSubstr("(3, 2, 2)"));
  EXPECT_THAT(refusal({zeros("observations", {3, 0}), zeros("actions", {3}), ends}), HasSubstr("(3, 0)"));
  EXPECT_THAT(refusal({zeros("observations", {0, 2}), zeros("actions", {0}), integers("episode_ends", {})}),
              HasSubstr("no episodes"));
  EXPECT_THAT(refusal({zeros("observations", {3, 2}), zeros("actions", {4}), ends}), HasSubstr("actions holds 4"));
  EXPECT_THAT(refusal({zeros("observations", {3, 2}), zeros("actions", {3}), zeros("terminals", {2}), ends}),
              HasSubstr("'terminals'"));
  EXPECT_THAT(refusal({zeros("observations", {3, 2}), zeros("actions", {3}), zeros("rewards", {2}), ends}),
              HasSubstr("rewards holds 2"));
  EXPECT_THAT(refusal({zeros("observations", {3, 2}), zeros("actions", {3}), zeros("episode_ends", {1})}),
              AllOf(HasSubstr("'episode_ends'"), HasSubstr("<f4")));
}

TEST(DemonstrationsFiles, TheFormatIsFoundFromContentOrExtension) {
  const TemporaryFolder folder;
  const Demonstrations d = random_demonstrations({3, 2}, 2, 1);
  save_demonstrations(folder / "named.csv", d);
  EXPECT_EQ(load_demonstrations(folder / "named.csv").rows(), 5);
  write_text(folder / "a", R"({"episode": 0, "observation": [1, 2], "action": 1})");
  EXPECT_EQ(load_demonstrations(folder / "a").labels, std::vector<std::int32_t>{1});
  write_text(folder / "b.CSV", "episode,o0,a0\n0,1,2.5\n");
  EXPECT_EQ(load_demonstrations(folder / "b.CSV").actions, std::vector<float>{2.5f});
  const auto refused = [&](const char* name, const std::string& text) {
    write_text(folder / name, text);
    return refusal_of([&] { load_demonstrations(folder / name); });
  };
  EXPECT_THAT(refused("a.npz", ""), HasSubstr("is empty"));
  EXPECT_THAT(refused("a.npz", "\x93NUMPY"), HasSubstr("single NumPy array"));
  EXPECT_THAT(refused("a.h5", "\x89HDF\r\n\x1a\n"), HasSubstr("HDF5"));
  EXPECT_THAT(refused("a.csv", "\x1f\x8b\x08"), HasSubstr("gunzip"));
  EXPECT_THAT(refused("a.pkl", "\x80\x04"), HasSubstr("pickle"));
  EXPECT_THAT(refused("a.txt", "hello"), HasSubstr("none of the formats"));
  EXPECT_THAT(refusal_of([&] { load_demonstrations(folder / "absent.npz"); }), HasSubstr("absent.npz"));
  EXPECT_THAT(refusal_of([&] { load_demonstrations(folder.path()); }), HasSubstr("directory"));
}

TEST(DemonstrationsFiles, AFullDiskLeavesTheEarlierFile) {
  const TemporaryFolder folder;
  const Demonstrations d = random_demonstrations({100}, 4, 2);
  save_demonstrations(folder / "a.npz", d);
  const std::string earlier = read_text(folder / "a.npz");
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit small = before;
  small.rlim_cur = 1000;
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const std::string message =
      refusal_of([&] { save_demonstrations(folder / "a.npz", random_demonstrations({200}, 4, 2)); });
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  EXPECT_THAT(message, AllOf(HasSubstr("a.npz"), HasSubstr("limit")));
  EXPECT_EQ(read_text(folder / "a.npz"), earlier);
  EXPECT_EQ(folder.files(), 1u);
}

}  // namespace
}  // namespace mynah
