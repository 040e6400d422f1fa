#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "kernels/linear_tuning.h"

namespace mynah {

/// One product that `mynah-operations tune` measured on a device: what won, and the rule's choice beside it.
struct TunedProduct {
  kernels::LinearKey key;
  kernels::cuda::LinearChoice choice;
  double microseconds = 0.0;
  kernels::cuda::LinearChoice rule;  ///< The choice without tuning.
  double rule_microseconds = 0.0;
};

/// By device, as device_name has it: "NVIDIA H100 80GB HBM3 (sm_90)". A device meets its own entries and no others;
/// those of "CUDA on CPU", whose times say nothing of a GPU, serve none.
using LinearTuning = std::map<std::string, std::vector<TunedProduct>>;

/// $XDG_CACHE_HOME/mynah/linear_tuning.json, else ~/.cache/mynah/linear_tuning.json. Errors: input_error where neither
/// variable is set.
std::filesystem::path linear_tuning_cache();

/// Reads a file that update_linear_tuning wrote. Errors: input_error for a file that is missing, damaged (with its line
/// or field), of another kind or of a later version.
LinearTuning load_linear_tuning(const std::filesystem::path& path);

/// Puts the device's products into the file, which is made if it is missing (its folder too) and replaced as a whole:
/// each takes the place of an earlier entry for the same product, and all other entries stay. Errors: those of
/// load_linear_tuning, and the file is left as it is then; those of AtomicFile.
void update_linear_tuning(const std::filesystem::path& path, const std::string& device,
                          const std::vector<TunedProduct>& products);

/// From now on the CUDA devices of this machine compute the products in the file as it says, see
/// kernels::use_linear_choices, which also says when. Nothing is looked up without being asked for: choices decide the
/// order in which sums are taken, hence the last bits of results. Errors: those of load_linear_tuning.
void use_linear_tuning(const std::filesystem::path& path);

/// As a user asks for it: "off" for the rule alone, "on" for linear_tuning_cache(), else a file. Returns the file that
/// is used, empty for none.
std::filesystem::path use_linear_tuning_named(const std::string& name);

/// The environment variable MYNAH_TUNING; empty where it is not set.
std::string linear_tuning_of_environment();
/// use_linear_tuning_named as it says, where it says something. Programs call it when they start; the library never
/// does.
std::filesystem::path use_linear_tuning_of_environment();

/// "forward", "input_gradient", "weight_gradient".
std::string linear_product_name(kernels::cuda::LinearProduct product);
/// Errors: input_error with the names there are, at `place`.
kernels::cuda::LinearProduct parse_linear_product(const std::string& name, const std::string& place);
/// "forward 32 x 256 x 17 float32": m x n x k; "unaligned" where operands cannot be read four floats at a time.
std::string linear_key_text(const kernels::LinearKey& key);
/// "medium", "small in 4 parts".
std::string linear_choice_text(const kernels::cuda::LinearChoice& choice);

}  // namespace mynah
