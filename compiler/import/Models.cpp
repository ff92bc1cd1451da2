//===- Models.cpp - The model families that attnc imports -----------------===//
//
// Data only. Defaults: src/transformers/models/*/configuration_*.py of
// transformers 5.23.
//
//===----------------------------------------------------------------------===//

#include "compiler/import/Models.h"

#include "llvm/ADT/STLExtras.h"

using namespace attn;

static constexpr ModelSpec models[] = {
    {
        .modelType = "deepseek_v2",
        .hidden = {"hidden_size", 4096},
        .layers = {"num_hidden_layers", 32},
        .heads = {"num_attention_heads", 32},
        .position = PositionRule::Rope,
        .interleaved = true,
        .latent = LatentFields{},
    },
    {
        .modelType = "deepseek_v3",
        .hidden = {"hidden_size", 7168},
        .layers = {"num_hidden_layers", 61},
        .heads = {"num_attention_heads", 128},
        .position = PositionRule::Rope,
        .interleaved = true,
        .interleavedField = "rope_interleave",
        .maxPositions = 4096,
        .latent = LatentFields{},
    },
    {
        .modelType = "falcon",
        .hidden = {"hidden_size", 4544, "n_embed"},
        .layers = {"num_hidden_layers", 32},
        .heads = {"num_attention_heads", 71},
        .kvHeadsRule = KvHeadsRule::Falcon,
        .kvHeads = {"num_kv_heads", 0},
        .position = PositionRule::RopeOrAlibi,
    },
    {
        .modelType = "gemma2",
        .hidden = {"hidden_size", 2304},
        .layers = {"num_hidden_layers", 26},
        .heads = {"num_attention_heads", 8},
        .kvHeadsRule = KvHeadsRule::Field,
        .kvHeads = {"num_key_value_heads", 4},
        .kvHeadsMayBeNull = false,
        .headDim = {"head_dim", 256},
        .position = PositionRule::Rope,
        .maxPositions = 8192,
        .windowRule = WindowRule::Alternating,
        .window = {"sliding_window", 4096},
        .scale = ScaleRule::QueryPreAttnScalar,
        .softcap = "attn_logit_softcapping",
        .standardSoftcap = 50,
    },
    {
        .modelType = "gemma3_text",
        .hidden = {"hidden_size", 2304},
        .layers = {"num_hidden_layers", 26},
        .heads = {"num_attention_heads", 8},
        .kvHeadsRule = KvHeadsRule::Field,
        .kvHeads = {"num_key_value_heads", 4},
        .kvHeadsMayBeNull = false,
        .headDim = {"head_dim", 256},
        .position = PositionRule::Rope,
        .theta = 1e6,
        .slidingTheta = 1e4,
        .maxPositions = 131072,
        .windowRule = WindowRule::Alternating,
        .window = {"sliding_window", 4096},
        .slidingPattern = 6,
        .scale = ScaleRule::QueryPreAttnScalar,
        .softcap = "attn_logit_softcapping",
    },
    {
        .modelType = "gpt2",
        .hidden = {"n_embd", 768, "hidden_size"},
        .layers = {"n_layer", 12, "num_hidden_layers"},
        .heads = {"n_head", 12, "num_attention_heads"},
        .scale = ScaleRule::Gpt2,
    },
    {
        .modelType = "gpt_oss",
        .hidden = {"hidden_size", 2880},
        .layers = {"num_hidden_layers", 36},
        .heads = {"num_attention_heads", 64},
        .kvHeadsRule = KvHeadsRule::Field,
        .kvHeads = {"num_key_value_heads", 8},
        .headDim = {"head_dim", 64},
        .position = PositionRule::Rope,
        .theta = 1.5e5,
        .yarnByDefault = true,
        .maxPositions = 131072,
        .windowRule = WindowRule::Alternating,
        .window = {"sliding_window", 128},
        .sinks = true,
    },
    {
        .modelType = "llama",
        .hidden = {"hidden_size", 4096},
        .layers = {"num_hidden_layers", 32},
        .heads = {"num_attention_heads", 32},
        .kvHeadsRule = KvHeadsRule::Field,
        .kvHeads = {"num_key_value_heads", 0},
        .headDim = {"head_dim", 0},
        .position = PositionRule::Rope,
    },
    {
        .modelType = "mistral",
        .hidden = {"hidden_size", 4096},
        .layers = {"num_hidden_layers", 32},
        .heads = {"num_attention_heads", 32},
        .kvHeadsRule = KvHeadsRule::Field,
        .kvHeads = {"num_key_value_heads", 8},
        .headDim = {"head_dim", 0},
        .position = PositionRule::Rope,
        .maxPositions = 131072,
        .windowRule = WindowRule::Always,
        .window = {"sliding_window", 4096},
    },
    {
        .modelType = "phi3",
        .hidden = {"hidden_size", 3072},
        .layers = {"num_hidden_layers", 32},
        .heads = {"num_attention_heads", 32},
        .kvHeadsRule = KvHeadsRule::Field,
        .kvHeads = {"num_key_value_heads", 0},
        .headDim = {"head_dim", 0},
        .position = PositionRule::Rope,
        .partialRotary = true,
        .maxPositions = 4096,
        .windowRule = WindowRule::Always,
        .window = {"sliding_window", 0},
    },
    {
        .modelType = "qwen2",
        .hidden = {"hidden_size", 4096},
        .layers = {"num_hidden_layers", 32},
        .heads = {"num_attention_heads", 32},
        .kvHeadsRule = KvHeadsRule::Field,
        .kvHeads = {"num_key_value_heads", 32},
        .headDim = {"head_dim", 0},
        .position = PositionRule::Rope,
        .maxPositions = 32768,
        .windowRule = WindowRule::FromLayer,
        .window = {"sliding_window", 4096},
    },
    {
        .modelType = "qwen3",
        .hidden = {"hidden_size", 4096},
        .layers = {"num_hidden_layers", 32},
        .heads = {"num_attention_heads", 32},
        .kvHeadsRule = KvHeadsRule::Field,
        .kvHeads = {"num_key_value_heads", 32},
        .headDim = {"head_dim", 128},
        .position = PositionRule::Rope,
        .maxPositions = 32768,
        .windowRule = WindowRule::FromLayer,
        .window = {"sliding_window", 4096},
    },
};

llvm::ArrayRef<ModelSpec> attn::modelTable() { return models; }

const ModelSpec *attn::findModel(llvm::StringRef modelType) {
  const auto *row = llvm::find_if(models, [&](const ModelSpec &spec) {
    return modelType == llvm::StringRef(spec.modelType);
  });
  return row == std::end(models) ? nullptr : row;
}
