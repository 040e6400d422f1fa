#include "algorithms/drawing/film.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/atomic_file.h"
#include "engine/buffer.h"
#include "kernels/error.h"

namespace mynah {
namespace {

constexpr double most_frames_per_second = 50.0;

/// One episode at a time, step by step.
class FilmedEpisode {
 public:
  FilmedEpisode(Stream& stream, const Task& task, Actor& actor, std::uint64_t seed, Index episode)
      : stream_(&stream), task_(&task), actor_(&actor), seed_(seed), episode_(episode) {
    const TaskDescription& d = task.description();
    const DeviceId device = stream.device();
    states_ = {device, d.state_size};
    returns_ = {device, 1};
    observations_ = {device, d.observation_size};
    rewards_ = {device, 1};
    actions_ = {device, d.action_size};
    labels_ = {device, d.discrete ? 1 : 0};
    elapsed_ = {device, 1};
    status_ = {device, 1};
    task.reset(stream, seed, episode, batch());
    look();
  }

  bool goes_on() const { return status_now_ == static_cast<std::int32_t>(kernels::EpisodeStatus::running); }

  void step() {
    const ActionBatch actions{{actions_.data(), actions_.size() > 0 ? 1 : 0, actions_.size()}, labels_.view()};
    actor_->act(*stream_, {batch().observations, elapsed_.view(), episode_}, actions);
    task_->step(*stream_, actions, batch());
    look();
  }

  Moment moment() const { return {state_now_, observation_now_, seed_, episode_}; }

 private:
  kernels::EpisodeBatch batch() const {
    kernels::EpisodeBatch batch;
    batch.states = {states_.data(), 1, states_.size()};
    batch.observations = {observations_.data(), 1, observations_.size()};
    batch.rewards = rewards_.view();
    batch.returns = returns_.view();
    batch.elapsed = elapsed_.view();
    batch.status = status_.view();
    return batch;
  }

  void look() {
    state_now_ = states_.download(*stream_);
    observation_now_ = observations_.download(*stream_);
    status_now_ = status_.download(*stream_).front();
    if (!std::all_of(state_now_.begin(), state_now_.end(), [](double value) { return std::isfinite(value); })) {
      throw input_error(fmt::format("task '{}', episode {}", task_->description().name, episode_),
                        "the state is not a number, because an action was not",
                        "check the policy: its weights or its normalisation may hold NaN");
    }
  }

  Stream* stream_;
  const Task* task_;
  Actor* actor_;
  std::uint64_t seed_;
  Index episode_;
  Buffer<double> states_, returns_;
  Buffer<float> observations_, rewards_, actions_;
  Buffer<std::int32_t> labels_, elapsed_, status_;
  std::vector<double> state_now_;
  std::vector<float> observation_now_;
  std::int32_t status_now_ = 0;
};

}  // namespace

std::unique_ptr<Film> make_film(const std::filesystem::path& path, const Picture& picture, double frames_per_second) {
  if (!(frames_per_second >= 1.0 && frames_per_second <= 100.0)) {
    throw input_error("--fps", fmt::format("it is {:g}", frames_per_second), "choose a number from 1 to 100");
  }
  static_cast<void>(AtomicFile(path));  // a place that cannot be written to is refused before an episode runs
  const std::string kind = path.extension().string();
  if (kind == ".svg") return make_svg_film(path, picture, frames_per_second);
  if (kind == ".gif") return make_gif_film(path, picture, frames_per_second);
  if (kind == ".mp4") return make_video_film(path, picture, frames_per_second);
  throw input_error("--record " + path.string(), "the end of the name says no kind of film that can be written",
                    "end it with .gif, .svg or .mp4");
}

void film_episodes(Stream& stream, const Task& task, Actor& actor, const std::filesystem::path& path,
                   const FilmOptions& options) {
  if (options.episodes < 1) {
    throw input_error("--record-episodes", fmt::format("it is {}", options.episodes), "ask for 1 or more");
  }
  const std::unique_ptr<Picture> picture = make_picture(task.description());
  const bool own_time = options.frames_per_second == 0.0;
  const double steps_per_second = own_time ? picture->steps_per_second() : options.frames_per_second;
  const Index steps_per_frame = own_time ? static_cast<Index>(std::ceil(steps_per_second / most_frames_per_second)) : 1;
  const double rate = steps_per_second / static_cast<double>(steps_per_frame);
  const std::unique_ptr<Film> film = make_film(path, *picture, rate);
  const int last_shown = std::max(1, static_cast<int>(0.5 * rate));
  for (Index episode = 0; episode < options.episodes; ++episode) {
    FilmedEpisode filmed(stream, task, actor, options.seed, episode);
    for (Index step = 0; filmed.goes_on(); ++step) {
      if (step % steps_per_frame == 0) film->add(filmed.moment(), 1);
      filmed.step();
    }
    film->add(filmed.moment(), last_shown);
  }
  film->finish();
}

}  // namespace mynah
