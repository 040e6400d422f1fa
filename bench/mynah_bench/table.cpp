// `mynah-bench table`: tables in a document, each between two lines that name the result file it is made of.

#include <cstdio>
#include <memory>

#include "bench/mynah_bench/commands.h"
#include "bench/mynah_bench/report.h"
#include "engine/atomic_file.h"
#include "engine/file_bytes.h"
#include "kernels/error.h"

namespace mynah::bench {
namespace {

const std::string begin_mark = "<!-- mynah-bench table ", end_of_begin = " -->\n", end_mark = "<!-- end of table -->";

std::string table_of_file(const std::filesystem::path& path) {
  const nlohmann::ordered_json document = read_results(path);
  try {
    return table_of(document);
  } catch (const nlohmann::json::exception& error) {
    throw input_error(path.string(), std::string("lacks a part of a result file: ") + error.what());
  }
}

/// The document with every table made anew. Paths in it are relative to its folder.
std::string with_tables(const std::filesystem::path& path, const std::string& document) {
  std::string result;
  std::size_t done = 0, tables = 0;
  for (std::size_t mark = document.find(begin_mark); mark != std::string::npos;
       mark = document.find(begin_mark, done)) {
    const std::size_t name = mark + begin_mark.size(), name_end = document.find(end_of_begin, name);
    const std::size_t end = document.find(end_mark, mark);
    if (name_end == std::string::npos || end == std::string::npos || end < name_end) {
      throw input_error(path.string(), "a table has no line '" + end_mark + "'");
    }
    const std::string file = document.substr(name, name_end - name);
    result += document.substr(done, name_end + end_of_begin.size() - done);
    result += "\n" + table_of_file(path.parent_path() / file) + "\n";
    done = end;
    ++tables;
  }
  if (tables == 0) {
    throw input_error(path.string(), "has no line '" + begin_mark + "RESULT.json" + end_of_begin.substr(0, 4) + "'",
                      "write it, and '" + end_mark + "' below it");
  }
  return result + document.substr(done);
}

struct Options {
  std::string result, write, check;
};

int run_table(const Options& options) {
  if (options.result.empty() && options.write.empty() && options.check.empty()) {
    throw input_error("mynah-bench table", "nothing was given", "give RESULT.json, --write FILE or --check FILE");
  }
  if (!options.result.empty()) std::printf("%s", table_of_file(options.result).c_str());
  if (!options.write.empty())
    write_file_atomically(options.write, with_tables(options.write, read_file_bytes(options.write)));
  if (options.check.empty()) return 0;
  const std::string document = read_file_bytes(options.check);
  if (with_tables(options.check, document) == document) return 0;
  std::fprintf(stderr,
               "mynah-bench: %s: a table is not what its result file gives\n             `mynah-bench table --write "
               "%s` makes it anew\n",
               options.check.c_str(), options.check.c_str());
  return 1;
}

}  // namespace

void add_table(CLI::App& app, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("table", "Make a Markdown table of a result file, or those of a document anew");
  const auto options = std::make_shared<Options>();
  command->add_option("RESULT", options->result, "Result file to print as a table");
  command->add_option(
      "--write", options->write,
      "Document whose tables are made anew, each between a line '<!-- mynah-bench table RESULT.json -->' "
      "and a line '<!-- end of table -->'");
  command->add_option("--check", options->check,
                      "Document: exit code 1 where a table is not what its result file gives");
  command->callback([options, &exit_code] { exit_code = run_table(*options); });
}

}  // namespace mynah::bench
