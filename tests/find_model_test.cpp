#include "algorithms/tasks/mujoco/find_model.h"

#include <gmock/gmock.h>
#include <stdlib.h>

#include <fstream>
#include <map>

#include "algorithms/tasks/mujoco/robot.h"
#include "kernels/error.h"
#include "temporary_folder.h"
#include "tests/input_error_of.h"

namespace mynah {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

/// Environment variables, as they were before the test at its end.
class Environment {
 public:
  ~Environment() {
    for (const auto& [name, value] : before_) put(name, value);
  }
  void set(const std::string& name, const std::optional<std::string>& value) {
    const char* now = ::getenv(name.c_str());
    before_.try_emplace(name, now == nullptr ? std::nullopt : std::optional<std::string>(now));
    put(name, value);
  }

 private:
  static void put(const std::string& name, const std::optional<std::string>& value) {
    if (value) {
      ::setenv(name.c_str(), value->c_str(), 1);
    } else {
      ::unsetenv(name.c_str());
    }
  }
  std::map<std::string, std::optional<std::string>> before_;
};

/// No Python but what the test makes; what stands in /usr and /usr/local stays.
class FindModel : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"PYTHONPATH", "VIRTUAL_ENV", "CONDA_PREFIX"}) environment_.set(name, std::nullopt);
    environment_.set("HOME", (folder_ / "home").string());
    environment_.set("PATH", (folder_ / "nothing").string());
  }

  /// A file below `packages`, where Gymnasium has its models.
  static fs::path install(const fs::path& packages, const std::string& name, const std::string& text = "<mujoco/>") {
    fs::path file = packages / "gymnasium" / "envs" / "mujoco" / "assets" / name;
    fs::create_directories(file.parent_path());
    std::ofstream(file) << text;
    return file;
  }

  /// Hopper's rules with a model that no Gymnasium has.
  static RobotDescription robot() {
    RobotDescription robot = built_in_robots().front();
    robot.model = "mynah_test_robot.xml";
    return robot;
  }

  TemporaryFolder folder_;
  Environment environment_;
};

TEST_F(FindModel, LooksWherePythonKeepsPackages) {
  const std::string name = robot().model.string();
  EXPECT_EQ(find_gymnasium_model(name), std::nullopt);
  // From the last place to the first: each is preferred to those before.
  const fs::path home = install(folder_ / "home/.local/lib/python3.12/site-packages", name);
  EXPECT_EQ(find_gymnasium_model(name), home);
  const fs::path prefix = install(folder_ / "prefix/lib/python3.11/site-packages", name);
  fs::create_directories(folder_ / "prefix/bin");
  std::ofstream(folder_ / "prefix/bin/python3") << "";
  environment_.set("PATH", (folder_ / "nothing").string() + "::" + (folder_ / "prefix/bin").string());
  EXPECT_EQ(find_gymnasium_model(name), prefix);
  const fs::path conda = install(folder_ / "conda/lib/python3.10/site-packages", name);
  environment_.set("CONDA_PREFIX", (folder_ / "conda").string());
  EXPECT_EQ(find_gymnasium_model(name), conda);
  const fs::path venv = install(folder_ / "venv/lib/python3.9/site-packages", name);
  environment_.set("VIRTUAL_ENV", (folder_ / "venv").string());
  EXPECT_EQ(find_gymnasium_model(name), venv);
  const fs::path path = install(folder_ / "path", name);
  environment_.set("PYTHONPATH", (folder_ / "missing").string() + ":" + (folder_ / "path").string());
  EXPECT_EQ(find_gymnasium_model(name), path);
  EXPECT_EQ(find_gymnasium_model("other.xml"), std::nullopt);
  fs::create_directories(path.parent_path() / "folder.xml");
  EXPECT_EQ(find_gymnasium_model("folder.xml"), std::nullopt) << "a folder is no model";
}

TEST_F(FindModel, TheNewestPythonComesFirst) {
  const std::string name = robot().model.string();
  environment_.set("VIRTUAL_ENV", (folder_ / "venv").string());
  install(folder_ / "venv/lib/python3/dist-packages", name);
  EXPECT_EQ(find_gymnasium_model(name)->string(),
            (folder_ / "venv/lib/python3/dist-packages/gymnasium/envs/mujoco/assets").string() + "/" + name);
  install(folder_ / "venv/lib/python3.9/site-packages", name);
  const fs::path newer = install(folder_ / "venv/lib/python3.12/site-packages", name);
  install(folder_ / "venv/lib/python3x/site-packages", name);
  EXPECT_EQ(find_gymnasium_model(name), newer);
  environment_.set("CONDA_PREFIX", (folder_ / "venv").string());
  const std::vector<fs::path> folders = python_package_folders();
  EXPECT_EQ(std::count(folders.begin(), folders.end(), folder_ / "venv/lib/python3.12/site-packages"), 1);
}

TEST_F(FindModel, AMissingModelSaysWhereWasLookedAndWhatToDo) {
  if (!has_mujoco()) GTEST_SKIP() << "skipped: this build has no MuJoCo (libmujoco-dev)";
  fs::create_directories(folder_ / "venv/lib/python3.11/site-packages");
  environment_.set("VIRTUAL_ENV", (folder_ / "venv").string());
  const std::string message = tests::input_error_of([] { make_robot_task(robot()); });
  EXPECT_THAT(message, HasSubstr("task 'Hopper-v2'"));
  EXPECT_THAT(message, HasSubstr("gymnasium/envs/mujoco/assets/mynah_test_robot.xml"));
  EXPECT_THAT(message, HasSubstr((folder_ / "venv/lib/python3.11/site-packages").string()));
  EXPECT_THAT(message, HasSubstr("--model FILE"));
  EXPECT_THAT(message, HasSubstr("pip install gymnasium"));
}

TEST_F(FindModel, AModelThatIsFoundIsTaken) {
  if (!has_mujoco()) GTEST_SKIP() << "skipped: this build has no MuJoCo (libmujoco-dev)";
  std::ifstream walker(std::string(MYNAH_SOURCE_DIR) + "/tests/data/walker.xml");
  const std::string text(std::istreambuf_iterator<char>(walker), {});
  environment_.set("PYTHONPATH", (folder_ / "path").string());
  const fs::path file = install(folder_ / "path", "walker2d.xml", text);
  const auto task = make_task("walker2d");
  EXPECT_EQ(task->description().model, file.string());
  EXPECT_EQ(task->description().observation_size, 17);
  // A broken one is not passed over.
  install(folder_ / "path", "walker2d.xml", "<mujoco><worldbody>");
  EXPECT_THAT(tests::input_error_of([] { make_task("walker2d"); }),
              testing::AllOf(HasSubstr(file.string()), HasSubstr("MuJoCo cannot read this model")));
  // --model goes before what is installed.
  const std::string given = std::string(MYNAH_SOURCE_DIR) + "/tests/data/walker.xml";
  EXPECT_EQ(make_task("walker2d", {.model = given})->description().model, given);
  EXPECT_THAT(tests::input_error_of([] { make_task("walker2d", {.model = "none.xml"}); }),
              HasSubstr("none.xml: there is no such file"));
  EXPECT_THAT(tests::input_error_of([&] { make_task("walker2d", {.model = folder_.path().string()}); }),
              HasSubstr("is no file"));
}

}  // namespace
}  // namespace mynah
