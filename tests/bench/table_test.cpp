// Tables are what their result files give: of a small file, and of the README.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/program/program.h"
#include "tests/temporary_folder.h"

namespace mynah::tests {
namespace {

using testing::HasSubstr;

const std::string source = MYNAH_SOURCE_DIR;
const std::string expected =
    "NVIDIA Sample (sm_90), driver 580.65.06, CUDA 13.0; Sample CPU, AVX2, one pinned thread; PyTorch eager 2.0; "
    "cuBLASLt "
    "13.0.2; 5 repeats of 1 s in turn; 2026-01-02. `mynah-bench run train-17-256-6 product-tf32 --device all`:\n\n"
    "| microseconds, best (median) | mynah | share of the roof | PyTorch eager | PyTorch eager / mynah | cuBLASLt | "
    "cuBLASLt / mynah |\n"
    "| --- | --- | --- | --- | --- | --- | --- |\n"
    "| 17-256-6, batch 32, cpu | 12.0 (12.5) | 63 % of FLOP/s | 300 (325) | 25.0 (26.0) | | |\n"
    "| product 4096 x 4096 x 4096, bias, ReLU, tf32, cuda | 1,234 (1,300) | 90 % of FLOP/s | | | 1,111 (1,170) | 0.900 "
    "(0.900) |\n";

class Table : public testing::Test {
 protected:
  std::string path(const std::string& name) const { return (folder_.path() / name).string(); }
  /// A document with a table of the small file beside it.
  std::string document() const {
    std::filesystem::copy_file(source + "/tests/bench/result.json", folder_.path() / "result.json");
    write_file(path("page.md"),
               "Before.\n\n<!-- mynah-bench table result.json -->\nstale\n<!-- end of table -->\n\nAfter.\n");
    return path("page.md");
  }
  TemporaryFolder folder_;
};

TEST_F(Table, OfASmallFile) {
  const ProgramResult result = run_program({"table", source + "/tests/bench/result.json"});
  EXPECT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_EQ(result.output, expected);
}

TEST_F(Table, IsWrittenIntoADocumentAndChecked) {
  const std::string page = document();
  ProgramResult result = run_program({"table", "--check", page});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.errors, HasSubstr("mynah-bench table --write"));
  EXPECT_EQ(run_program({"table", "--write", page}).exit_code, 0);
  const std::string written = read_file(page);
  EXPECT_EQ(written,
            "Before.\n\n<!-- mynah-bench table result.json -->\n\n" + expected + "\n<!-- end of table -->\n\nAfter.\n");
  EXPECT_EQ(run_program({"table", "--check", page}).exit_code, 0);

  // A number that somebody has bettered.
  std::string bettered = written;
  bettered.replace(bettered.find("12.0 (12.5)"), 4, "11.0");
  write_file(page, bettered);
  EXPECT_EQ(run_program({"table", "--check", page}).exit_code, 1);
}

TEST_F(Table, RefusesWhatIsNoResultOrDocument) {
  write_file(path("other.json"), "{\"results\": []}");
  write_file(path("damaged.json"), "{\"mynah_bench\": 1, \"results\": [{}]}");
  write_file(path("plain.md"), "Nothing.\n");
  write_file(path("open.md"), "<!-- mynah-bench table result.json -->\n");
  for (const auto& [arguments, problem] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"table"}, "nothing was given"},
           {{"table", path("missing.json")}, "missing.json"},
           {{"table", path("other.json")}, "is no result file of mynah-bench"},
           {{"table", path("damaged.json")}, "lacks a part of a result file"},
           {{"table", "--check", path("plain.md")}, "has no line '<!-- mynah-bench table RESULT.json -->'"},
           {{"table", "--write", path("open.md")}, "a table has no line '<!-- end of table -->'"}}) {
    const ProgramResult result = run_program(arguments);
    EXPECT_EQ(result.exit_code, 2) << problem;
    EXPECT_THAT(result.errors, HasSubstr(problem));
  }
}

TEST_F(Table, TheReadmeIsWhatItsResultFilesGive) {
  const ProgramResult result = run_program({"table", "--check", source + "/README.md"});
  EXPECT_EQ(result.exit_code, 0) << result.errors;
}

}  // namespace
}  // namespace mynah::tests
