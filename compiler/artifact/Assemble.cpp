//===- Assemble.cpp - From compiled kernels to files ----------------------===//
//
// A target's object is its generated code and the entries for it alone; the
// archive holds the code of all targets of an architecture, entries that
// choose among them, and the runtime, as one object, and the pool as another.
//
//===----------------------------------------------------------------------===//

#include "compiler/artifact/Assemble.h"

#include "compiler/artifact/Entries.h"
#include "compiler/artifact/Header.h"
#include "compiler/artifact/Link.h"
#include "compiler/artifact/Manifest.h"
#include "compiler/artifact/RuntimeBytes.h"
#include "llvm/ADT/STLExtras.h"

using namespace attn;
using namespace attn::artifact;
using llvm::StringRef;

namespace {
/// The targets of one architecture, as indices, best first.
struct Architecture {
  llvm::Triple::ArchType arch;
  std::string name;
  std::vector<size_t> targets;
};

/// Writes the files of one library.
class Assembler {
public:
  Assembler(const LibraryDescription &library, const llvm::Triple &host)
      : library(library), host(host) {}
  llvm::Expected<Artifact> assemble();

private:
  void sortTargets();
  std::string archiveName(const Architecture &architecture) const;
  std::string sharedName() const { return "lib" + library.name + ".so"; }
  std::vector<std::string> fileNames() const;

  llvm::Error renameTargets();
  llvm::Expected<std::string> link(llvm::ArrayRef<size_t> targets,
                                   llvm::ArrayRef<StringRef> runtime,
                                   Callers callers = Callers::C);
  llvm::Expected<std::string> linkPool(StringRef triple);
  llvm::Error addObjects();
  llvm::Error addArchive(const Architecture &architecture);
  llvm::Error addShared(const Architecture &architecture);
  const std::string &tripleOf(const Architecture &architecture) const {
    return library.targets[architecture.targets.front()].triple;
  }
  void add(StringRef name, std::string bytes) {
    artifact.files.push_back({name.str(), std::move(bytes)});
  }

  const LibraryDescription &library;
  const llvm::Triple &host;
  /// In the order of the targets: not the host's, whose bytes are as any
  /// other's.
  std::vector<Architecture> architectures;
  /// Code by target, with symbols that name the target.
  std::vector<std::string> code;
  Artifact artifact;
};
} // namespace

/// Better targets come first in their architecture.
void Assembler::sortTargets() {
  for (auto [index, target] : llvm::enumerate(library.targets)) {
    llvm::Triple triple(target.triple);
    auto found = llvm::find_if(architectures, [&](const Architecture &a) {
      return a.arch == triple.getArch();
    });
    if (found == architectures.end()) {
      architectures.push_back(
          {triple.getArch(), triple.getArchName().str(), {}});
      found = std::prev(architectures.end());
    }
    found->targets.push_back(index);
  }
  for (Architecture &architecture : architectures)
    llvm::sort(architecture.targets, [&](size_t a, size_t b) {
      size_t left = library.targets[a].features.size(),
             right = library.targets[b].features.size();
      return left != right ? left > right : a < b;
    });
}

std::string Assembler::archiveName(const Architecture &architecture) const {
  bool isFirst = &architecture == &architectures.front();
  return "lib" + library.name + (isFirst ? "" : "." + architecture.name) + ".a";
}

/// Those that some host writes: the manifest is the same from all.
std::vector<std::string> Assembler::fileNames() const {
  std::vector<std::string> names = {library.name + ".h",
                                    library.name + ".json"};
  for (const cpu::CpuTargetFacts &target : library.targets)
    names.push_back(objectName(library, target));
  for (const Architecture &architecture : architectures)
    names.push_back(archiveName(architecture));
  names.push_back(sharedName());
  llvm::sort(names);
  return names;
}

llvm::Error Assembler::renameTargets() {
  for (auto [index, target] : llvm::enumerate(library.targets)) {
    std::vector<std::pair<std::string, std::string>> names;
    for (const KernelDescription &kernel : library.kernels)
      for (const cpu::CpuProgram &program : kernel.targets[index].programs)
        for (const std::string &symbol : functionsOf(program))
          names.emplace_back(symbol, targetSymbol(target, symbol));
    llvm::Expected<std::string> renamed =
        renameSymbols(library.code[index], names);
    if (!renamed)
      return renamed.takeError();
    code.push_back(std::move(*renamed));
  }
  return llvm::Error::success();
}

/// Entries for `targets`, their code, and the objects of the runtime.
llvm::Expected<std::string> Assembler::link(llvm::ArrayRef<size_t> targets,
                                            llvm::ArrayRef<StringRef> runtime,
                                            Callers callers) {
  llvm::Expected<std::string> entries =
      emitEntries(library, targets, artifact.manifest, callers);
  if (!entries)
    return entries.takeError();
  std::vector<StringRef> objects = {*entries};
  for (size_t target : targets)
    objects.emplace_back(code[target]);
  llvm::append_range(objects, runtime);
  return linkRelocatable(objects, exportsOf(library, callers));
}

/// The pool of threads, which whoever calls it links.
llvm::Expected<std::string> Assembler::linkPool(StringRef triple) {
  llvm::Expected<std::string> entries = emitPoolEntries(library, triple);
  if (!entries)
    return entries.takeError();
  return linkRelocatable({*entries, poolRuntimeObject(triple)},
                         poolExportsOf(library));
}

llvm::Error Assembler::addObjects() {
  for (auto [index, target] : llvm::enumerate(library.targets)) {
    llvm::Expected<std::string> object = link({index}, {});
    if (!object)
      return object.takeError();
    add(objectName(library, target), std::move(*object));
  }
  return llvm::Error::success();
}

llvm::Error Assembler::addArchive(const Architecture &architecture) {
  const std::string &triple = tripleOf(architecture);
  llvm::Expected<std::string> object =
      link(architecture.targets, runtimeObject(triple));
  if (!object)
    return object.takeError();
  llvm::Expected<std::string> pool = linkPool(triple);
  if (!pool)
    return pool.takeError();
  llvm::Expected<std::string> archive =
      writeArchive({{library.name + ".o", std::move(*object)},
                    {library.poolSymbol() + ".o", std::move(*pool)}});
  if (!archive)
    return archive.takeError();
  add(archiveName(architecture), std::move(*archive));
  return llvm::Error::success();
}

llvm::Error Assembler::addShared(const Architecture &architecture) {
  const std::string &triple = tripleOf(architecture);
  llvm::Expected<std::string> object =
      link(architecture.targets,
           {runtimeObject(triple), ffiRuntimeObject(triple)}, Callers::CAndFfi);
  if (!object)
    return object.takeError();
  llvm::Expected<std::string> shared = linkShared(*object, sharedName());
  if (!shared)
    return shared.takeError();
  add(sharedName(), std::move(*shared));
  return llvm::Error::success();
}

llvm::Expected<Artifact> Assembler::assemble() {
  sortTargets();
  artifact.name = library.name;
  artifact.kernels = library.kernels.size();
  artifact.layers = llvm::count_if(library.layers, [](const auto &layer) {
    return !layer.kernels.empty() && layer.layer != kNoLayer;
  });
  artifact.manifest = writeManifest(library, fileNames());
  add(library.name + ".h", writeHeader(library));
  add(library.name + ".json", artifact.manifest);
  if (llvm::Error error = renameTargets())
    return error;
  if (llvm::Error error = addObjects())
    return error;
  for (const Architecture &architecture : architectures)
    if (llvm::Error error = addArchive(architecture))
      return error;
  if (architectures.front().arch == host.getArch())
    if (llvm::Error error = addShared(architectures.front()))
      return error;
  llvm::sort(artifact.files, [](const ArtifactFile &a, const ArtifactFile &b) {
    return a.name < b.name;
  });
  return std::move(artifact);
}

llvm::Expected<Artifact> artifact::assemble(const LibraryDescription &library,
                                            const llvm::Triple &host) {
  return Assembler(library, host).assemble();
}
