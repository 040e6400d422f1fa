#include "kernel_module.h"

#include <cxxabi.h>
#include <dlfcn.h>
#include <elf.h>
#include <link.h>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <unordered_map>
#include <vector>

// Resolves a module and offset to the calling thread's copy of that module's thread-local storage (ELF TLS ABI,
// x86-64).
extern "C" void* __tls_get_addr(void*);

namespace cuda_on_cpu::detail {
namespace {

struct Search {
  std::uintptr_t function;
  std::uintptr_t base = 0;
  std::size_t tls_module = 0;
  void* tls_data = nullptr;
  std::size_t tls_bytes = 0;
  std::size_t tls_initialised_bytes = 0;
  bool found = false;
};

int visit(dl_phdr_info* info, std::size_t, void* data) {
  auto& search = *static_cast<Search*>(data);
  const ElfW(Phdr)* tls = nullptr;
  bool holds = false;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& header = info->dlpi_phdr[i];
    const std::uintptr_t start = info->dlpi_addr + header.p_vaddr;
    if (header.p_type == PT_LOAD && search.function >= start && search.function < start + header.p_memsz) holds = true;
    if (header.p_type == PT_TLS) tls = &header;
  }
  if (!holds) return 0;
  // The program itself has no name here. Its thread-local storage is not ours to fill.
  search.found = info->dlpi_name != nullptr && info->dlpi_name[0] != '\0';
  search.base = info->dlpi_addr;
  if (tls != nullptr) {
    search.tls_module = info->dlpi_tls_modid;
    search.tls_data = info->dlpi_tls_data;
    search.tls_bytes = tls->p_memsz;
    search.tls_initialised_bytes = tls->p_filesz;
  }
  return 1;
}

/// Looks a function up in the full symbol table of its file: kernels with internal linkage are in no other.
std::string symbol_in_file(const char* file, std::uintptr_t offset) {
  std::ifstream stream(file, std::ios::binary | std::ios::ate);
  std::vector<char> image(stream ? static_cast<std::size_t>(stream.tellg()) : 0);
  stream.seekg(0);
  stream.read(image.data(), static_cast<std::streamsize>(image.size()));
  if (image.size() < sizeof(ElfW(Ehdr))) return {};
  const auto* header = reinterpret_cast<const ElfW(Ehdr)*>(image.data());
  const auto* sections = reinterpret_cast<const ElfW(Shdr)*>(image.data() + header->e_shoff);
  for (int i = 0; i < header->e_shnum; ++i) {
    if (sections[i].sh_type != SHT_SYMTAB) continue;
    const char* names = image.data() + sections[sections[i].sh_link].sh_offset;
    const auto* symbols = reinterpret_cast<const ElfW(Sym)*>(image.data() + sections[i].sh_offset);
    for (std::size_t k = 0; k < sections[i].sh_size / sizeof(ElfW(Sym)); ++k)
      if (symbols[k].st_value == offset && (symbols[k].st_info & 0xf) == STT_FUNC) return names + symbols[k].st_name;
  }
  return {};
}

}  // namespace

SharedImage shared_image_of(const void* function) {
  thread_local std::unordered_map<const void*, SharedImage> known;
  const auto entry = known.find(function);
  if (entry != known.end()) return entry->second;
  Search search{reinterpret_cast<std::uintptr_t>(function)};
  dl_iterate_phdr(&visit, &search);
  if (search.tls_bytes != 0 && search.tls_data == nullptr) {
    // A library loaded by dlopen, whose storage this thread has not touched yet.
    struct {
      std::size_t module, offset;
    } index{search.tls_module, 0};
    search.tls_data = __tls_get_addr(&index);
  }
  // Shared memory has no initial values, so it lies behind those thread-local variables that have.
  const std::size_t skipped = search.tls_initialised_bytes;
  const SharedImage image{search.found, static_cast<char*>(search.tls_data) + skipped, search.tls_bytes - skipped};
  known.emplace(function, image);
  return image;
}

namespace {

std::string find_kernel_name(const void* function) {
  Dl_info info{};
  if (dladdr(function, &info) == 0) return "kernel";
  std::string mangled;
  if (info.dli_sname != nullptr && info.dli_saddr == function)
    mangled = info.dli_sname;
  else
    mangled = symbol_in_file(
        info.dli_fname, reinterpret_cast<std::uintptr_t>(function) - reinterpret_cast<std::uintptr_t>(info.dli_fbase));
  if (mangled.empty()) return "kernel";
  int status = 0;
  char* demangled = abi::__cxa_demangle(mangled.c_str(), nullptr, nullptr, &status);
  std::string name = status == 0 ? demangled : mangled;
  std::free(demangled);
  // The parameter list adds length, not information.
  const std::size_t anonymous = name.find("(anonymous namespace)");
  const std::size_t from = anonymous == std::string::npos ? 0 : anonymous + 21;
  const std::size_t parameters = name.find('(', from);
  return parameters == std::string::npos ? name : name.substr(0, parameters);
}

}  // namespace

const std::string& kernel_name(const void* function) {
  static auto* names = new std::unordered_map<const void*, std::string>;
  auto entry = names->find(function);
  if (entry == names->end()) entry = names->emplace(function, find_kernel_name(function)).first;
  return entry->second;
}

}  // namespace cuda_on_cpu::detail
