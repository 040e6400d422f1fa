#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>

#include "engine/layer.h"

namespace mynah::bench {

/// What is to be timed, as the command line says it: "conv2d:in=1,height=28,width=28,out=64,kernel=4".
class LayerSpec {
 public:
  /// Errors: input_error for text that is not of that form.
  explicit LayerSpec(const std::string& text);

  const std::string& kind() const { return kind_; }
  /// Errors: input_error where an option that has no default is missing, or is no number.
  Index number(const std::string& name) { return parse_number(name, text(name)); }
  Index number(const std::string& name, Index otherwise) { return has(name) ? number(name) : otherwise; }
  std::string text(const std::string& name);
  std::string text(const std::string& name, const std::string& otherwise) { return has(name) ? text(name) : otherwise; }
  /// Errors: input_error for an option that nobody asked for.
  void expect_all_used() const;

 private:
  bool has(const std::string& name) const { return options_.count(name) != 0; }
  Index parse_number(const std::string& name, const std::string& value) const;

  std::string kind_;
  std::map<std::string, std::string> options_;
  std::set<std::string> used_;
};

/// A layer with one input.
struct TimedLayer {
  std::shared_ptr<const Layer> layer;
  Index input_columns = 0;
};

/// Errors: input_error for a kind that is not known, and from the layer.
TimedLayer make_timed_layer(LayerSpec& spec);

}  // namespace mynah::bench
