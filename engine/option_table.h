#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/toml_config.h"
#include "kernels/view.h"

namespace mynah {

/// The options of one piece of work, each declared once: name, place of its value, meaning. The command line, a TOML
/// file given with --config, and the config.toml of a run all read and write the same table.
class OptionTable {
 public:
  using Place = std::variant<bool*, Index*, std::uint64_t*, double*, std::string*, std::vector<Index>*,
                             std::vector<std::string>*>;

  struct Option {
    std::string name;  ///< "batch-size"
    Place place;
    std::string help;
  };

  /// `place` must outlive the table; what stands there is the default.
  void add(std::string name, Place place, std::string help);

  const std::vector<Option>& options() const { return options_; }
  std::vector<std::string> names() const;

  /// Sets an option from text, as on the command line: "3", "1e-3", "true", "256,256". `origin` names the text in
  /// errors
  /// ("--batch-size 3", "run.toml:4"). Errors: input_error that says what the option takes.
  void set(std::string_view name, const std::string& text, const std::string& origin);
  /// The same of an option that stands there several times: a list of texts takes all of them, any other the last.
  void set(std::string_view name, const std::vector<std::string>& texts, const std::string& origin);
  /// Sets every option of the configuration.
  void apply(const Config& config);
  Config to_config() const;

 private:
  const Option& find(std::string_view name) const;
  std::vector<Option> options_;
};

}  // namespace mynah
