#pragma once

namespace mynah::kernels {

/// The instruction set that the CPU's vectorised operations use in this process: "x86-64", "AVX2" or "AVX-512"; on
/// other processors "generic". Chosen once from what the processor offers; MYNAH_PROCESSOR=generic|avx2|avx512 in the
/// environment lowers it, never raises it.
const char* processor_target_name();

}  // namespace mynah::kernels
