//===- Header.cpp - NAME.h ------------------------------------------------===//
//
// The common part is runtime/attn.h itself, so that every NAME.h carries the
// same text under the same guard.
//
//===----------------------------------------------------------------------===//

#include "compiler/artifact/Header.h"

#include "compiler/artifact/LayerFacts.h"
#include "compiler/artifact/RuntimeBytes.h"
#include "compiler/artifact/TailFields.h"
#include "llvm/ADT/StringExtras.h"

#include <fmt/format.h>

using namespace attn;
using namespace attn::artifact;
using llvm::StringRef;

static std::string spellShape(const TensorDescription &tensor) {
  std::vector<std::string> extents;
  for (const Dimension &dimension : tensor.shape)
    extents.push_back(
        dimension.isSymbolic() ? dimension.axis
        : dimension.axis.empty()
            ? std::to_string(dimension.extent)
            : fmt::format("{}={}", dimension.axis, dimension.extent));
  return "[" + llvm::join(extents, ", ") + "]";
}

/// What the operand mask does beside the layer's own, and its extents.
static std::string remarkOnMask(const TensorDescription &mask) {
  return fmt::format(
      R"({}, beside the layer's own mask.
     Every extent but the last may be 1; with q_indptr query_length is that of
     the longest sequence; keys is no less than the longest sequence has)",
      mask.type == ElementType::Bool ? "true attends, false hides"
                                     : "added to the scores, -inf hides");
}

/// What a caller has to know about a tensor of that name beyond its shape.
static StringRef remarkOn(StringRef name, bool isOfLayer) {
  return llvm::StringSwitch<StringRef>(name)
      .Case("latent", "normed; the first elements of every head's key, and its "
                      "value")
      .Case("rope_key",
            "rotated; the last elements of every head's key; it and "
            "latent may be\n     views of one buffer")
      .Case("kv_lengths",
            isOfLayer ? "valid keys of each sequence, 0 to kv_capacity "
                        "(with pages: those of\n     its page_table); "
                        "NULL, without pages: kv_capacity"
                      : "valid keys of each sequence, 0 to kv_capacity; "
                        "NULL: kv_capacity")
      .Case("prefix_lengths",
            "keys that all rows of a sequence see, of its kv_lengths first")
      .Case(
          "document_ids",
          "any number for each key; the keys of a document follow each\n     "
          "other, and rows see the keys of the document that they stand "
          "in. For\n     keys any extent that holds the longest sequence will "
          "do")
      .Case("sinks", "one extra logit per head")
      .Case("bias_table", "added to each head's scores, by bucket of the\n     "
                          "distance between query and key")
      .Case("gate", "as projected; its function multiplies the output")
      .Case("position_ids", "what each row is rotated by")
      .Case("absorbed_query",
            "the part of each head that does not rotate, times the\n     "
            "up-projection of keys")
      .Case("rope_query", "the part of each head that rotates, as projected; a "
                          "view of the\n     projected queries will do")
      .Case("latent_output", "times the up-projection of values: the output")
      .Cases({"key_cache", "value_cache", "latent_cache", "rope_key_cache"},
             "gets this call's rows, which end at kv_lengths; no other byte "
             "changes")
      .Case("lse", "natural logarithm of the denominator; NULL: not written")
      .Default("");
}

static std::string writeField(const TensorDescription &tensor,
                              const KernelDescription &kernel) {
  bool isNamed = kernel.isAttention || kernel.isOfLayer();
  std::string remark = !isNamed ? ""
                       : tensor.mask
                           ? remarkOnMask(tensor)
                           : remarkOn(tensor.name, kernel.isOfLayer()).str();
  if (tensor.newRows)
    remark = "NULL, in all such fields: nothing is appended, the caches are "
             "those that\n"
             "     another layer fills";
  if (tensor.field != tensor.name)
    remark = fmt::format("'{}' of the {}", tensor.name,
                         kernel.isOfLayer() ? "checkpoint" : "input");
  return fmt::format("  /* {}{} {}{}{} */\n  const DLTensor *{};\n",
                     tensor.output    ? "written: "
                     : tensor.updated ? "updated: "
                                      : "",
                     std::string_view(spell(tensor.type)), spellShape(tensor),
                     remark.empty() ? "" : "\n     ", remark, tensor.field);
}

/// What can be said of a graph in a line; the manifest holds its operations.
static std::string explainGraph(const KernelDescription &kernel) {
  return fmt::format(
      R"(/* {}: a function of the input, whose operations the manifest holds.

   Any non-negative strides with the innermost 1, or NULL for compact; inputs
   may repeat with stride 0; what is written or updated overlaps nothing. A
   bool is a byte, 0 or 1. */
)",
      kernel.symbol);
}

/// A step of absorbed attention that is a product alone.
static std::string explainProduct(const KernelDescription &kernel) {
  bool isFirst = kernel.hasTensor("absorbed_query");
  return fmt::format(
      R"(/* {}: {}.
   A step of scope attend of a latent layer, absorbed, which an engine may do
   itself. The three steps one after the other have the bits of attend for
   sequences of so few rows that it is absorbed.

   Any non-negative strides with the innermost 1, or NULL for compact; inputs
   may repeat with stride 0; the output overlaps nothing. */
)",
      kernel.symbol,
      isFirst ? "absorbed_query = query . W_UK, head by head,\n   of what does "
                "not rotate of query, and the half of kv_b_proj.weight that "
                "makes keys"
              : "output = latent_output . W_UV, head by head,\n   W_UV being "
                "the half of kv_b_proj.weight that makes values");
}

/// What scope attend or layer does, in a sentence.
static StringRef explainScope(const KernelDescription &kernel) {
  if (kernel.scope == "layer")
    return "the attention module of a layer, hidden states in, output\n   "
           "projection out, with norms of heads, rotation and caches between; "
           "the norm\n   before the module and the sum after it are the "
           "caller's.";
  if (kernel.hasTensor("absorbed_query"))
    return "what scope attend of a latent layer, absorbed, does\n   between "
           "its products with the up-projections: norm and rotation, the "
           "append to\n   the caches, attention to the latents.";
  return "what stands between the projections of a layer: biases, norms\n   "
         "and rotation of projected heads, the append to the caches, "
         "attention.";
}

/// What a layer is called with, and what it does to its caches.
static std::string explainLayer(const KernelDescription &kernel) {
  if (!kernel.hasTensor("kv_lengths"))
    return explainProduct(kernel);
  return fmt::format(
      R"(/* {}: {}

   kv_lengths counts the rows of this call too. Row i of n of a sequence stands
   at the position kv_lengths[b] - n + i of its caches: its
   key and value are appended there, in place, and it attends to what its mask
   shows of the kv_lengths[b] rows that are valid then. A sequence shorter than
   n rows stands at their end; its first rows are not appended. The manifest
   holds the operations.

   Any non-negative strides with the innermost 1, or NULL for compact; inputs
   may repeat with stride 0; caches and output overlap nothing. */
)",
      kernel.symbol, explainScope(kernel));
}

/// "for 32 query heads of size 128 over 8 key/value heads; ..."
static std::string explainHeads(const KernelDescription &kernel) {
  if (kernel.isAbsorbed())
    return fmt::format(R"(for {} query heads of size {}, which all attend to
   key = [latent, rope_key] and value = latent (size {}): latent attention,
   absorbed.)",
                       kernel.queryHeads, kernel.headDim, kernel.valueDim);
  return fmt::format(
      R"(for {} query heads of size {} over {} key/value heads{}; query head h
   reads key/value head h / {}.)",
      kernel.queryHeads, kernel.headDim, kernel.kvHeads,
      kernel.valueDim == kernel.headDim
          ? ""
          : fmt::format(" (values of size {})", kernel.valueDim),
      kernel.queryHeads / kernel.kvHeads);
}

/// Where the rows of a call stand among the keys.
static StringRef explainPositions(const KernelDescription &kernel) {
  if (!kernel.hasTensor("kv_lengths"))
    return R"(All kv_capacity keys are valid; row i of n stands at the
   position p = i + kv_capacity - n, or at i where the layer's mask is aligned
   at the top left (declared_ir in the manifest says).)";
  return R"(Row i of n stands at the position
   p = i + kv_lengths[b] - n, or at i where the layer's mask is aligned at the
   top left (declared_ir in the manifest says): a shorter sequence of a batch
   stands at the end of its rows, or gets a call of its own.)";
}

/// What the kernel computes, so that nobody has to guess.
static std::string explainKernel(const KernelDescription &kernel) {
  return fmt::format(
      R"(/* {0}: output = softmax(mask(scale * query . key)) . value
   {1}

   Query and key arrive as the model attends with them: with its norms, and
   rotated if it rotates. The keys and values of this call's rows are already
   among the valid ones. {5}
{2}{3}
   A row that sees no key has output 0 and lse {4}.

   Any non-negative strides with the innermost 1, or NULL for compact; inputs
   may repeat with stride 0; outputs overlap nothing. */
)",
      kernel.symbol, explainHeads(kernel), explainLayers(kernel, "     "),
      kernel.hasScoreFunction
          ? "   Scores pass the layer's score function (a softcap, for one; "
            "see\n"
            "   declared_ir in the manifest) between scale and mask.\n"
          : "",
      kernel.hasTensor("sinks")
          ? "= sink; every lse includes the sink,\n   but for ATTN_FLAG_NO_SINK"
          : "-inf",
      explainPositions(kernel));
}

static constexpr StringRef kNoCaches =
    "  /* NULL: kernels of layers with caches alone take them. */\n";

/// What stands above a field that says how rows and caches are spread; nothing
/// above those that the one before speaks of.
static StringRef explainBatch(const KernelDescription &kernel,
                              StringRef field) {
  bool hasLengths = kernel.hasTensor("kv_lengths");
  bool isPacked = kernel.isOfLayer() || (kernel.isAttention && hasLengths);
  if (!isPacked)
    return field == "q_indptr" ? kNoCaches : "";
  if (!kernel.isOfLayer() || !hasLengths)
    return llvm::StringSwitch<StringRef>(field)
        .Case(
            "q_indptr",
            R"(  /* NULL, or i32 [batch+1]: sequence b has the rows q_indptr[b] to
     q_indptr[b+1] of tensors that are [tokens, ...] where they are [batch,
     query_length, ...] above. */
)")
        .Case("page_table", kNoCaches)
        .Default("");
  return llvm::StringSwitch<StringRef>(field)
      .Case(
          "q_indptr",
          R"(  /* NULL, or i32 [batch+1]: sequence b has the rows q_indptr[b] to
     q_indptr[b+1] of tensors that are [tokens, ...] where they are [batch,
     query_length, ...] above. A sequence's bits are those of a call alone. */
)")
      .Case(
          "page_table",
          R"(  /* NULL, or i32 [batch, n]: caches are [pages, page_rows, ...]; keys
     [i*page_rows, (i+1)*page_rows) of sequence b are on page page_table[b, i].
     Sequences may share pages that no row of the call is appended to. */
)")
      .Case(
          "page_indptr",
          R"(  /* NULL, or i32 [batch+1]: page_table is [n], and the pages of sequence b are
     page_indptr[b] to page_indptr[b+1] of it. */
)")
      .Case(
          "slot_mapping",
          R"(  /* NULL, or i64 [batch, query_length] or [tokens]: the row of the caches, all
     pages or sequences in a line, that each new row is appended to; -1: none.
     It must be where the keys are looked for. For kernels that append. */
)")
      .Default("");
}

/// Above the field of weights that are packed.
static std::string explainPacked(const KernelDescription &kernel) {
  if (kernel.weights().empty())
    return "  /* NULL: kernels of scope layer alone take it. */\n";
  return fmt::format(
      R"(  /* NULL, or u8 [n] that {0} filled, at a multiple of 64
     bytes: the weights are read there, and their own fields are not looked at;
     the bits are the same. */
)",
      kernel.packSymbol());
}

/// Above the fields that say where the keys of a call stand in their sequences.
static StringRef explainParts(const KernelDescription &kernel) {
  if (!kernel.takesParts)
    return "  /* NULL: kernels of scope core alone take parts of the keys. "
           "*/\n";
  return R"(  /* NULL, or i32 [batch]: the keys of sequence b, kv_lengths[b] of them, are
     those from key_offsets[b] on (a multiple of the layer's chunk, if it has
     one) of sequence_lengths[b], which take the place of kv_lengths wherever
     else it counts: for rows, prefixes, documents and masks. For results that
     are merged. Both or none. */
)";
}

/// The fields of every kernel's args, and what stands above each.
static std::string writeTail(const KernelDescription &kernel) {
  std::string text;
  for (const TailField &field : kTailFields) {
    if (field.name == "key_scale")
      text +=
          "  /* Room for quantised caches, which this version has not: NULL "
          "and 0. */\n";
    else if (field.name == "packed_weights")
      text += explainPacked(kernel);
    else if (field.name == "key_offsets")
      text += explainParts(kernel);
    else
      text += explainBatch(kernel, field.name);
    text += fmt::format("  {}{};\n",
                        field.isTensor ? "const DLTensor *" : "uint32_t ",
                        std::string_view(field.name));
  }
  return text;
}

/// What args begin with: every field, or compilers warn of those left out.
static std::string writeInit(const KernelDescription &kernel) {
  std::string tensors;
  for (size_t i = 0; i < kernel.tensors.size(); ++i)
    tensors += i % 8 ? " NULL," : " \\\n   NULL,";
  std::vector<StringRef> tail;
  for (const TailField &field : kTailFields)
    tail.emplace_back(field.isTensor ? "NULL" : "0");
  return fmt::format(R"(#define {0}_ARGS_INIT \
  {{sizeof({0}_args), ATTN_ABI_VERSION, 0, 0,{1} \
   {2}}}

)",
                     kernel.symbol, tensors, llvm::join(tail, ", "));
}

static std::string writeArgs(const KernelDescription &kernel) {
  std::string text = kernel.isAttention   ? explainKernel(kernel)
                     : kernel.isOfLayer() ? explainLayer(kernel)
                                          : explainGraph(kernel);
  text += fmt::format(
      R"(typedef struct {0}_args {{
  uint32_t size;  /* sizeof({0}_args) */
  uint32_t abi;   /* ATTN_ABI_VERSION */
  uint32_t layer; /* index into the manifest's layers, from 0 */
  uint32_t flags; /* 0, or bits of ATTN_FLAG_... */
)",
      kernel.symbol);
  for (const TensorDescription &tensor : kernel.tensors)
    text += writeField(tensor, kernel);
  return text + writeTail(kernel) +
         fmt::format(R"(}} {0}_args;

/* Begin with {0}_ARGS_INIT and set what is needed. */
{1})",
                     kernel.symbol, writeInit(kernel));
}

static StringRef explainPhase(StringRef phase) {
  return llvm::StringSwitch<StringRef>(phase)
      .Case("prefill", "Many query rows in each sequence; any number is right.")
      .Case(
          "decode",
          "Few query rows in each sequence (the manifest's max_queries), long "
          "contexts.")
      .Default("Chooses the path from the number of query rows.");
}

static std::string writeEntry(const KernelDescription &kernel,
                              const EntryDescription &entry) {
  return fmt::format(
      R"(/* {2} */
attn_status {0}(const {1}_args *args, const attn_context *context);
attn_status {0}_plan(const {1}_args *args, const attn_context *context,
    attn_plan *plan);
attn_status {0}_task(const {1}_args *args, const attn_context *context,
    int64_t phase, int64_t task);
attn_status {0}_can_run(const {1}_args *args, const attn_context *context);
uint64_t {0}_workspace(const attn_maxima *maxima);

)",
      entry.symbol, kernel.symbol, explainPhase(entry.phase).str());
}

static std::string writePacking(const KernelDescription &kernel) {
  if (kernel.weights().empty())
    return {};
  std::vector<std::string> fields;
  for (const cpu::CpuWeight &weight : kernel.weights())
    fields.push_back(kernel.tensors[weight.tensor].field);
  return fmt::format(
      R"(/* Packs {3}
   of args once, for all calls of {0} and its phases: every other
   field may be NULL, and flags are 0. What is written to packed, u8 [n] at a
   multiple of 64 bytes, n at least {2}(), is of args.layer
   and of the target that the context names or the CPU has; calls of another
   layer, or on a target with other panels, refuse it. Tasks run under the
   context's parallel_for; no workspace is needed. */
attn_status {1}(const {0}_args *args,
    const DLTensor *packed, const attn_context *context);
uint64_t {2}(void);

)",
      kernel.symbol, kernel.packSymbol(), kernel.packedBytesSymbol(),
      llvm::join(fields, ", "));
}

/// What the callers of a rank have to know; nothing of whole layers.
static std::string explainRank(const LibraryDescription &library) {
  if (library.ranks == 1)
    return {};
  std::string text = fmt::format(R"(

   One rank of {}: what the ranks of scope layer give adds up to the layer's
   output.)",
                                 library.ranks);
  if (!library.leftOut.empty())
    text += fmt::format(" Add {} to the sum: no rank does.",
                        llvm::join(library.leftOut, ", "));
  return text;
}

static std::string writePool(const LibraryDescription &library) {
  return fmt::format(
      R"(/* A pool of threads, one of them whoever runs a loop, for the contexts of any
   calls: pool what _create gives (NULL: too few threads or no memory),
   parallel_for _run, and workers at least `threads`. Without loops its threads
   sleep; loops may be run by several callers at once, and by tasks. In the
   archive alone, beside the kernels: who calls none of the three links no
   thread. */
void *{0}_create(int64_t threads);
void {0}_run(void *pool, int64_t tasks, attn_body body, void *closure);
void {0}_destroy(void *pool);

)",
      library.poolSymbol());
}

std::string artifact::writeHeader(const LibraryDescription &library) {
  std::string guard = "ATTN_KERNELS_" + library.name + "_H";
  std::string text = fmt::format(
      "/* {}: attention kernels compiled by attnc. Generated code belongs to "
      "its user.\n   Every function is reentrant and sets nothing global.{} "
      "*/\n"
      "#ifndef {}\n#define {}\n\n",
      library.name, explainRank(library), guard, guard);
  text += runtimeHeader().str();
  text += "\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n";
  for (const KernelDescription &kernel : library.kernels) {
    text += writeArgs(kernel);
    for (const EntryDescription &entry : entriesOf(kernel))
      text += writeEntry(kernel, entry);
    text += writePacking(kernel);
  }
  if (library.hasMerge())
    text += fmt::format("/* Attention over parts of the keys, as one. */\n"
                        "attn_status {}(const attn_merge_args *args, const "
                        "attn_context *context);\n\n",
                        library.mergeSymbol());
  text += writePool(library);
  text += fmt::format("/* The manifest: what NAME.json holds, constant. */\n"
                      "const char *{}_info(void);\n\n"
                      "#ifdef __cplusplus\n}}\n#endif\n#endif /* {} */\n",
                      library.name, guard);
  return text;
}
