#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

struct mjModel_;
struct mjData_;

namespace mynah {

/// What MuJoCo itself reports as an error, within its calls; those who call it say where it happened.
struct MujocoFailure {
  std::string message;
};

/// MuJoCo's model, shared by all threads.
using MujocoModel = std::unique_ptr<mjModel_, void (*)(mjModel_*)>;

/// Reads an MJCF (or URDF) file. Errors: input_error with the file and MuJoCo's reason.
///
/// From here on MuJoCo's errors are thrown as MujocoFailure and its warnings are kept for last_mujoco_warning(),
/// instead of a message and an end of the program or a log file in the working directory; unless the program has set
/// mju_user_error and mju_user_warning itself.
MujocoModel load_mujoco_model(const std::filesystem::path& path);

/// The last warning on this thread.
std::string last_mujoco_warning();

/// The states that a model is simulated in, one for each thread that is at it. Made when first needed, kept for later.
class SimulationPool {
 public:
  /// file: the model's, for messages.
  SimulationPool(const mjModel_& model, std::string file) : model_(&model), file_(std::move(file)) {}

  /// A state that one thread holds. What stands in it is left over from others.
  class Lease {
   public:
    /// Errors: input_error where there is no memory for another.
    explicit Lease(SimulationPool& pool) : pool_(&pool), data_(pool.take()) {}
    ~Lease() { pool_->give_back(std::move(data_)); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;

    mjData_& operator*() const { return *data_; }
    /// After a MujocoFailure: what it left may be broken, and another takes its place.
    void renew() { data_ = pool_->make(); }

   private:
    friend class SimulationPool;
    SimulationPool* pool_;
    std::unique_ptr<mjData_, void (*)(mjData_*)> data_;
  };

 private:
  using Data = std::unique_ptr<mjData_, void (*)(mjData_*)>;
  Data make() const;
  Data take();
  void give_back(Data data);

  const mjModel_* model_;
  std::string file_;
  std::mutex mutex_;
  std::vector<Data> free_;
};

}  // namespace mynah
