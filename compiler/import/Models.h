//===- Models.h - The model families that attnc imports ---------*- C++ -*-===//
//
// One row per model_type: names of the fields, defaults of the configuration
// classes of transformers 5.23, and which rule decides what the file leaves
// open. How to add one: adding-a-model.md.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_IMPORT_MODELS_H
#define COMPILER_IMPORT_MODELS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <optional>
#include <string_view>

namespace attn {

/// An integer field: where it stands and what it is when absent.
struct IntegerField {
  std::string_view name;
  int64_t standard;
  /// Second spelling that the configuration class accepts; empty: none.
  std::string_view alias = {};
};

/// What decides the number of key/value heads.
enum class KvHeadsRule {
  /// As many as query heads.
  AllHeads,
  /// The field; absent or null with a standard of 0: as many as query heads.
  Field,
  /// falcon: one with multi_query, the field with new_decoder_architecture.
  Falcon,
};

/// A flag: where it stands and what it is when absent; without a name it is
/// that always.
struct FlagField {
  std::string_view name = {};
  bool standard = false;
};

/// Root mean square norms of the heads of queries and keys, with the epsilon of
/// the field.
struct NormFields {
  std::string_view epsilon;
  double standard;
  /// Added to the weights.
  double offset = 0;
};

/// How a checkpoint spells the weights; the names of attn.projections.
struct WeightNames {
  std::string_view packed = {};
  bool grouped = false;
  std::string_view output = {};
  bool inputMajor = false;
};

enum class PositionRule {
  /// Learned positions, added before attention.
  None,
  Rope,
  Alibi,
  /// falcon: RoPE, or ALiBi with "alibi".
  RopeOrAlibi,
};

/// What a family's ALiBi is: the fields of attn.alibi.
struct AlibiFields {
  /// Slopes of the next higher power of two heads, in place of the next lower.
  bool ceilPower = false;
  /// Slopes multiply the numbers of keys, in place of distances.
  bool ofKeys = false;
  /// falcon: rounded to bf16, scaled as the scores are and added so often; 0:
  /// once, as it is.
  int timesScaled = 0;
  /// Field of max_bias; empty: none.
  std::string_view maxBias = {};
};

/// Which layers slide when the file has no layer_types.
enum class WindowRule {
  Never,
  /// Every layer.
  Always,
  /// Layers from max_window_layers on, if use_sliding_window.
  FromLayer,
  /// All but each sliding_window_pattern-th layer.
  Alternating,
};

enum class ScaleRule {
  InverseSqrtHeadDim,
  /// query_pre_attn_scalar ^ -0.5.
  QueryPreAttnScalar,
  /// mpt: softmax_scale, if the file has it.
  SoftmaxScale,
  /// 1 without scale_attn_weights, over layer + 1 with
  /// scale_attn_by_inverse_layer_idx.
  Gpt2,
};

/// Latent attention: ranks and head sizes.
struct LatentFields {
  /// Null in a file: none.
  IntegerField queryRank = {"q_lora_rank", 1536};
  IntegerField kvRank = {"kv_lora_rank", 512};
  IntegerField nopeDim = {"qk_nope_head_dim", 128};
  IntegerField ropeDim = {"qk_rope_head_dim", 64};
  IntegerField valueDim = {"v_head_dim", 128};
};

struct ModelSpec {
  std::string_view modelType;
  IntegerField hidden, layers, heads;
  /// mpt: the object whose fields speak of attention; empty: the file's own.
  std::string_view attention = {};

  KvHeadsRule kvHeadsRule = KvHeadsRule::AllHeads;
  IntegerField kvHeads = {};
  /// Whether the configuration class takes null for as many as query heads.
  bool kvHeadsMayBeNull = true;

  /// Standard 0, a null in the file, and a family without the field: hidden /
  /// heads.
  IntegerField headDim = {};

  PositionRule position = PositionRule::None;
  AlibiFields alibi = {};
  double theta = 1e4;
  /// Of sliding layers, in files that give both; 0: as of the others.
  double slidingTheta = 0;
  /// RoPE scaling of a file that gives none; gpt_oss: YaRN by 32.
  bool yarnByDefault = false;
  /// partial_rotary_factor of a file that gives none, where the class reads it
  /// without a scaling too.
  std::optional<double> partialRotary = std::nullopt;
  /// Neighbouring dims rotate together, not those of both halves.
  bool interleaved = false;
  /// Field that says so in place of the family; no name: none.
  std::string_view interleavedField = {};
  /// max_position_embeddings of a file that gives none.
  int64_t maxPositions = 2048;

  WindowRule windowRule = WindowRule::Never;
  /// Keys of a sliding layer, itself included; standard 0: not sliding.
  IntegerField window = {};
  /// sliding_window_pattern of a file that gives none.
  int64_t slidingPattern = 2;
  /// full_attention_interval of a file that gives none: the layers between are
  /// linear attention; 0: there are none.
  int64_t fullInterval = 0;

  ScaleRule scale = ScaleRule::InverseSqrtHeadDim;
  /// Softcap of the scores: field and default; no name, and 0: none.
  std::string_view softcap = {};
  double standardSoftcap = 0;
  bool sinks = false;

  /// Biases of the projections: to queries, keys and values, and of the output;
  /// of a latent layer the first decides for all.
  FlagField qkvBias = {}, outputBias = {};
  std::optional<NormFields> qkNorm = std::nullopt;
  std::optional<WeightNames> weights = std::nullopt;
  /// The projection to queries makes a sigmoid gate of each output too.
  bool queryGate = false;

  /// Latent attention in place of grouped heads.
  std::optional<LatentFields> latent = std::nullopt;
};

llvm::ArrayRef<ModelSpec> modelTable();

/// The row of `modelType`, or null.
const ModelSpec *findModel(llvm::StringRef modelType);

} // namespace attn

#endif // COMPILER_IMPORT_MODELS_H
