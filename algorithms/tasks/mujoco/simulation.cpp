#include "algorithms/tasks/mujoco/simulation.h"

#include <mujoco/mujoco.h>

#include <array>
#include <string_view>

#include "kernels/error.h"

namespace mynah {
namespace {

thread_local std::string last_warning;

void keep_warning(const char* message) {
  last_warning = message;
}

// MuJoCo ends the program where its handler returns. Its library has the tables that an exception needs on its way.
void throw_failure(const char* message) {
  throw MujocoFailure{message};
}

void set_handlers() {
  if (mju_user_error == nullptr) mju_user_error = throw_failure;
  if (mju_user_warning == nullptr) mju_user_warning = keep_warning;
}

/// MuJoCo's messages have line ends and indentation in them.
std::string one_line(std::string_view text) {
  std::string line;
  for (const char c : text) {
    const bool space = c == '\n' || c == '\r' || c == '\t' || c == ' ';
    if (!space) {
      line += c;
    } else if (!line.empty() && line.back() != ' ') {
      line += ' ';
    }
  }
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line;
}

Error refused(const std::filesystem::path& path, const std::string& reason) {
  return input_error(path.string(), "MuJoCo cannot read this model: " + one_line(reason),
                     "give an MJCF file with --model, such as those of Gymnasium (gymnasium/envs/mujoco/assets)");
}

}  // namespace

MujocoModel load_mujoco_model(const std::filesystem::path& path) {
  static std::mutex mutex;  // MuJoCo keeps the last XML in a global place
  const std::lock_guard lock(mutex);
  set_handlers();
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) {
    throw input_error(path.string(), std::filesystem::exists(path, ignored) ? "is no file" : "there is no such file",
                      "name the robot's MJCF file with --model FILE");
  }
  if (mj_version() != mjVERSION_HEADER) {
    throw input_error("MuJoCo",
                      "mynah was built with version " + std::to_string(mjVERSION_HEADER) + ", but the library is " +
                          std::to_string(mj_version()),
                      "build mynah again, or put the earlier library back");
  }
  std::array<char, 1024> reason{};
  try {
    MujocoModel model(mj_loadXML(path.c_str(), nullptr, reason.data(), static_cast<int>(reason.size())),
                      mj_deleteModel);
    mj_freeLastXML();
    if (model == nullptr) throw refused(path, reason.data());
    return model;
  } catch (const MujocoFailure& failure) {
    throw refused(path, failure.message);
  }
}

std::string last_mujoco_warning() {
  return one_line(last_warning);
}

SimulationPool::Data SimulationPool::make() const {
  const auto refused = [this](const std::string& reason) {
    return input_error(file_, "MuJoCo cannot make a simulation of this model: " + one_line(reason),
                       "ask for less memory in the model's <size>, or give fewer --threads");
  };
  try {
    Data data(mj_makeData(model_), mj_deleteData);
    if (data == nullptr) throw refused("there is not enough memory");
    return data;
  } catch (const MujocoFailure& failure) {
    throw refused(failure.message);
  }
}

SimulationPool::Data SimulationPool::take() {
  {
    const std::lock_guard lock(mutex_);
    if (!free_.empty()) {
      Data data = std::move(free_.back());
      free_.pop_back();
      return data;
    }
  }
  return make();
}

void SimulationPool::give_back(Data data) {
  const std::lock_guard lock(mutex_);
  free_.push_back(std::move(data));
}

}  // namespace mynah
