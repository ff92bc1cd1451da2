"""The layers under test: head counts, head sizes, masks, sinks, softcaps."""
from attention import Layer

LAYERS = {
    "gqa_9_3_d40": Layer(9, 3, 40),
    "gqa_9_3_d64_softcap": Layer(9, 3, 64, softcap=20.0),
    "gqa_9_3_d80_window": Layer(9, 3, 80, mask="window", left=13, right=1),
    "gqa_9_3_d128_sinks": Layer(9, 3, 128, sinks=True),
    "mqa_71_1_d40_window_sinks": Layer(71, 1, 40, mask="window", left=29, right=1, sinks=True),
    "mqa_71_1_d64": Layer(71, 1, 64),
    "gqa_14_2_d64_window_sinks": Layer(14, 2, 64, mask="window", left=37, right=1, sinks=True),
    "gqa_14_2_d80_bidirectional": Layer(14, 2, 80, mask="bidirectional"),
    "gqa_14_2_d96_two_sided": Layer(14, 2, 96, mask="window", left=9, right=5),
    "gqa_14_2_d128_scale": Layer(14, 2, 128, scale=0.5),
    "mqa_8_1_d96_sinks_softcap": Layer(8, 1, 96, softcap=30.0, sinks=True),
    "mqa_8_1_d128_top_left": Layer(8, 1, 128, top_left=True),
    "mqa_8_1_d256_softcap_window": Layer(8, 1, 256, softcap=50.0, mask="window", left=41,
                                         right=1),
    "mqa_8_1_d576": Layer(8, 1, 576),
    "mqa_8_1_d576_v512": Layer(8, 1, 576, value_dim=512, sinks=True),
    "mla_6_l32_r8": Layer(6, 1, 40, value_dim=32, rope_dim=8),
    "mla_16_l512_r64": Layer(16, 1, 576, value_dim=512, rope_dim=64),
    "mla_5_l17_r6_bidirectional": Layer(5, 1, 23, value_dim=17, rope_dim=6,
                                        mask="bidirectional"),
    "mha_3_3_d1_v7": Layer(3, 3, 1, value_dim=7),
    "gqa_6_2_d17_v33": Layer(6, 2, 17, value_dim=33, mask="bidirectional", sinks=True),
}
