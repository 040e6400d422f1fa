#include "bench/mynah_bench/peer.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "kernels/error.h"

namespace mynah::bench {
namespace {

using Json = nlohmann::json;

/// The folder with worker.py: that of the repository this program was built in, if not said otherwise.
std::filesystem::path peers_folder() {
  const char* given = std::getenv("MYNAH_PEERS");
  return given != nullptr && *given != '\0' ? given : MYNAH_SOURCE_DIR "/bench/peers";
}

}  // namespace

const std::vector<std::string>& peer_names() {
  static const std::vector<std::string> names{"torch", "torch-compiled", "jax", "gymnasium", "cublas", "cudnn"};
  return names;
}

bool is_library(const std::string& peer) {
  return peer == "cublas" || peer == "cudnn";
}

std::string peer_title(const std::string& peer) {
  static const std::map<std::string, std::string> titles{{"torch", "PyTorch eager"},
                                                         {"torch-compiled", "PyTorch compiled"},
                                                         {"jax", "JAX"},
                                                         {"gymnasium", "Gymnasium"},
                                                         {"cublas", "cuBLASLt"},
                                                         {"cudnn", "cuDNN"}};
  const auto found = titles.find(peer);
  return found == titles.end() ? peer : found->second;
}

/// A child whose standard input and output are pipes.
struct Peer::Process {
  explicit Process(const std::vector<std::string>& command) {
    std::array<int, 2> requests{}, answers{};
    if (pipe2(requests.data(), O_CLOEXEC) != 0 || pipe2(answers.data(), O_CLOEXEC) != 0) {
      throw Error(Error::Cause::internal, "peer", "no pipe can be made");
    }
    std::vector<std::string> owned = command;
    std::vector<char*> arguments;
    arguments.reserve(owned.size() + 1);
    for (std::string& one : owned) arguments.push_back(one.data());
    arguments.push_back(nullptr);
    id = fork();
    if (id == 0) {
      dup2(requests[0], STDIN_FILENO);
      dup2(answers[1], STDOUT_FILENO);
      execv(arguments[0], arguments.data());
      _exit(127);
    }
    close(requests[0]);
    close(answers[1]);
    to = fdopen(requests[1], "w");
    from = fdopen(answers[0], "r");
  }
  ~Process() {
    // Without requests it ends.
    if (to != nullptr) std::fclose(to);
    if (from != nullptr) std::fclose(from);
    if (id > 0) waitpid(id, nullptr, 0);
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  bool write_line(const std::string& line) const {
    return std::fputs((line + "\n").c_str(), to) >= 0 && std::fflush(to) == 0;
  }
  /// Empty where the process has ended.
  std::string read_line() const {
    std::string line;
    for (int c = std::fgetc(from); c != EOF && c != '\n'; c = std::fgetc(from)) line += static_cast<char>(c);
    return line;
  }

  pid_t id = -1;
  std::FILE* to = nullptr;
  std::FILE* from = nullptr;
};

Peer::Peer(const std::string& name, const PeerSettings& settings) : name_(name) {
  const std::filesystem::path folder = peers_folder(), python = folder / "peer_python";
  if (!std::filesystem::exists(python)) {
    throw input_error(name, "there is no " + python.string(), "set MYNAH_PEERS to the folder bench/peers of mynah");
  }
  process_ = std::make_unique<Process>(
      std::vector<std::string>{python.string(), (folder / "worker.py").string(), "--peer", name, "--device",
                               settings.backend == Backend::cpu ? "cpu" : "cuda", "--core",
                               std::to_string(settings.core), "--threads", std::to_string(settings.threads)});
  const std::string line = process_->read_line();
  if (line.empty()) {
    throw input_error(name, "its process ended before it was ready; its message stands above",
                      "bench/peers/setup makes the Python environment of the peers");
  }
  const Json about = Json::parse(line);
  if (about.contains("missing")) {
    throw input_error(name, about.at("missing").get<std::string>(), about.at("get").get<std::string>());
  }
  version_ = about.at("version").get<std::string>();
}

Peer::~Peer() = default;

std::string Peer::ask(const std::string& request) {
  std::string line;
  if (process_->write_line(request)) line = process_->read_line();
  if (line.empty()) throw Error(Error::Cause::device, name_, "its process ended; its message stands above");
  return line;
}

std::string Peer::prepare(const Workload& workload) {
  const Json answer = Json::parse(ask(Json{{"prepare", Json::parse(workload.to_json().dump())}}.dump()));
  if (answer.contains("refused")) throw input_error(name_, answer.at("refused").get<std::string>());
  return answer.at("prepared").get<std::string>();
}

Spread Peer::measure(const Protocol& protocol) {
  const Json answer = Json::parse(ask(Json{{"measure",
                                            {{"seconds", protocol.seconds},
                                             {"clock", protocol.clock == Clock::wall ? "wall" : "processor"},
                                             {"cold", protocol.cold},
                                             {"least_sample_us", protocol.least_sample},
                                             {"least_steps", protocol.least_steps}}}}
                                          .dump()));
  if (answer.contains("refused")) throw input_error(name_, answer.at("refused").get<std::string>());
  return {answer.at("best_us"), answer.at("lower_us"), answer.at("median_us"), answer.at("upper_us"),
          answer.at("samples")};
}

}  // namespace mynah::bench
