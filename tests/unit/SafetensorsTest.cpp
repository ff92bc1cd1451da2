//===- SafetensorsTest.cpp - tensors in files -----------------------------===//
//
// Headers that lie in every way are refused by name; what is written reads
// back, the same bytes each time.
//
//===----------------------------------------------------------------------===//

#include "compiler/Safetensors.h"

#include "llvm/Support/Endian.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "gtest/gtest.h"

using namespace attn;

/// A file with `header` and `dataBytes` bytes behind it.
static std::string fileOf(const std::string &header, size_t dataBytes) {
  std::string text(8, '\0');
  llvm::support::endian::write64le(text.data(), header.size());
  return text + header + std::string(dataBytes, 'x');
}

static llvm::Expected<SafetensorsFile> readText(const std::string &text) {
  return SafetensorsFile::read(
      llvm::MemoryBuffer::getMemBufferCopy(text, "f.st"), "f.st");
}

static std::string errorOf(const std::string &text) {
  auto file = readText(text);
  if (file)
    return "no error";
  return llvm::toString(file.takeError());
}

/// A header with one tensor `a`.
static std::string entry(const std::string &dtype, const std::string &shape,
                         const std::string &offsets) {
  return R"({"a":{"dtype":")" + dtype + R"(","shape":)" + shape +
         R"(,"data_offsets":)" + offsets + "}}";
}

TEST(SafetensorsTest, ReadsWhatTheHeaderSays) {
  auto file = readText(fileOf(
      R"({"__metadata__":{"k":"v"},"b":{"dtype":"I64","shape":[],"data_offsets":[8,16]},)"
      R"("a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]}}   )",
      16));
  ASSERT_TRUE(bool(file)) << llvm::toString(file.takeError());
  ASSERT_EQ(file->tensors().size(), 2u);
  EXPECT_EQ(file->find("a")->describe(), "F32 [2, 1]");
  EXPECT_EQ(file->find("b")->bytes.size(), 8u);
  EXPECT_EQ(file->find("c"), nullptr);
}

TEST(SafetensorsTest, RefusesFilesThatAreTooShort) {
  EXPECT_EQ(errorOf(""), "f.st: has 0 bytes, too few for safetensors");
  EXPECT_EQ(errorOf(fileOf("{}", 0).substr(0, 9)),
            "f.st: header of 2 bytes does not fit into the 1 that follow its "
            "length");
  EXPECT_EQ(errorOf(std::string(8, '\xff')),
            "f.st: header of 18446744073709551615 bytes does not fit into the "
            "0 that follow its length");
  EXPECT_EQ(errorOf(fileOf(entry("F32", "[2]", "[0,8]"), 7)),
            "f.st: tensor 'a': bytes 0 to 8 are not within the 7 of the file");
}

TEST(SafetensorsTest, RefusesHeadersThatAreNotOne) {
  EXPECT_EQ(errorOf(fileOf("{", 0)),
            "f.st: header: 1:1: not valid JSON: expected object key");
  EXPECT_EQ(errorOf(fileOf("[]", 0)),
            "f.st: header: 1:1: top level is not an object");
  EXPECT_EQ(errorOf(fileOf(std::string(100000, '['), 0)),
            "f.st: header: 1:257: nested deeper than 256 levels");
  EXPECT_EQ(errorOf(fileOf(R"({"a":1})", 0)),
            "f.st: tensor 'a': header entry is not an object");
  EXPECT_EQ(errorOf(fileOf(R"({"a":{}})", 0)),
            "f.st: tensor 'a': header entry has no dtype");
}

TEST(SafetensorsTest, RefusesTensorsThatLie) {
  EXPECT_EQ(errorOf(fileOf(entry("F33", "[2]", "[0,8]"), 8)),
            "f.st: tensor 'a': unknown dtype 'F33'");
  EXPECT_EQ(errorOf(fileOf(entry("F32", "[-2]", "[0,8]"), 8)),
            "f.st: tensor 'a': shape is not a list of sizes");
  EXPECT_EQ(errorOf(fileOf(entry("F32", "[2]", "[8]"), 8)),
            "f.st: tensor 'a': data_offsets are not two offsets");
  EXPECT_EQ(errorOf(fileOf(entry("F32", "[2]", "[8,0]"), 8)),
            "f.st: tensor 'a': bytes 8 to 0 are not within the 8 of the file");
  EXPECT_EQ(errorOf(fileOf(entry("F32", "[3]", "[0,8]"), 8)),
            "f.st: tensor 'a': F32 [3] does not fill the 8 bytes that it is "
            "given");
  EXPECT_EQ(
      errorOf(fileOf(entry("F32", "[4611686018427387904,4]", "[0,0]"), 0)),
      "f.st: tensor 'a': F32 [4611686018427387904, 4] does not fill the "
      "0 bytes that it is given");
}

TEST(SafetensorsTest, RefusesOverlapsAndHoles) {
  std::string both = R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},)"
                     R"("b":{"dtype":"U8","shape":[4],"data_offsets":[)";
  EXPECT_EQ(errorOf(fileOf(both + "2,6]}}", 6)),
            "f.st: tensor 'b': overlaps another tensor");
  EXPECT_EQ(errorOf(fileOf(both + "5,9]}}", 9)),
            "f.st: bytes from 4 on belong to no tensor");
  EXPECT_EQ(errorOf(fileOf(both + "4,8]}}", 9)),
            "f.st: bytes from 8 on belong to no tensor");
}

TEST(SafetensorsTest, TakesTensorsWithoutElements) {
  auto file = readText(fileOf(entry("F32", "[0,7]", "[0,0]"), 0));
  EXPECT_TRUE(bool(file)) << llvm::toString(file.takeError());
}

TEST(SafetensorsTest, ReadsBackWhatItWrites) {
  llvm::SmallString<128> path;
  llvm::sys::fs::createUniqueDirectory("safetensors", path);
  llvm::StringRef folder = path;
  std::string name = (folder + "/x.safetensors").str();
  std::vector<char> bytes = {1, 2, 3, 4, 5, 6, 7, 8};
  std::vector<StoredTensor> tensors = {{"out\"put", "F32", {1, 2}, bytes},
                                       {"lse", "F32", {0}, {}}};
  ASSERT_EQ(llvm::toString(writeSafetensors(name, tensors)), "");
  auto file = SafetensorsFile::open(name);
  ASSERT_TRUE(bool(file)) << llvm::toString(file.takeError());
  EXPECT_EQ(file->find("out\"put")->bytes, llvm::ArrayRef<char>(bytes));
  EXPECT_EQ(file->find("lse")->describe(), "F32 [0]");

  std::string missing = (folder + "/none/x.safetensors").str();
  EXPECT_NE(llvm::toString(writeSafetensors(missing, tensors)), "");
  EXPECT_NE(llvm::toString(writeSafetensors(folder, tensors)), "");
  std::error_code error;
  size_t entries = 0;
  for (llvm::sys::fs::directory_iterator at(folder, error), end; at != end;
       at.increment(error))
    ++entries;
  EXPECT_EQ(entries, 1u) << "temporary files are left behind";
  llvm::sys::fs::remove_directories(folder);
}
