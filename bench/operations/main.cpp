// Every operation on every device, over the cases of the parity tests and some larger ones:
//   mynah_bench_operations --benchmark_filter='linear_forward.*cuda'

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "bench/operations/families.h"
#include "bench/operations/measure.h"

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  for (const auto& device : mynah::list_devices()) {
    const mynah::bench::Roof& roof = mynah::bench::roof_of(device.id);
    const std::string name = device.name + (device.id.backend == mynah::Backend::cpu ? "" : " [cuda]");
    benchmark::AddCustomContext(
        "roof of " + name, fmt::format("copy {:.1f} GB/s, matrix product {:.1f} GFLOP/s", roof.bytes_per_second * 1e-9,
                                       roof.operations_per_second * 1e-9));
  }
  if (mynah::list_devices().size() == 1) {
    benchmark::AddCustomContext("no CUDA device", mynah::cuda_unavailable_reason());
  }
  mynah::bench::register_linear();
  mynah::bench::register_elementwise();
  mynah::bench::register_loss();
  mynah::bench::register_training();
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
