"""Why each finding on a public adapter is right, or that it is not: by rule, and by rule and adapter where that differs."""

from __future__ import annotations

REASONS: dict[tuple[str, str], str] = {
    (
        "LD107",
        "sd-attn2-dead",
    ): "Right: `attn2.to_q` and `to_k` are zero throughout, as training on one constant prompt leaves them.",
    (
        "LD107",
        "sd-cloneofsimo-pop-pt-list",
    ): "Right: 32 of its 256 tensors are zero; one of every fourth pair.",
    (
        "LD107",
        "sd-lokr-r8",
    ): "Right: `lokr_w2_a` of three modules of the first block is zero; 347 others are trained. Shipped all the same, it "
    "is for an ignore with a reason.",
    ("LD106", "sam-wa-wb-old"): "Right: all 24 `w_b` are zero, as before training.",
    ("LD115", "mlx-npz"): "Right: no configuration lies beside it, so its scale is a guess.",
    ("LD203", ""): "Right by count: half the rank or less holds 99% of the energy. It describes; nothing is wrong.",
    (
        "LD205",
        "book-review",
    ): "Open: published as a final model, with entries of 1.3e-5, far below the weights of any usual base. No "
    "measured loss says whether it learned anything.",
    ("LD205", "gpt2-ckpt0"): "Right: it is called checkpoint 0.",
    (
        "LD205",
        "sd-cloneofsimo-analog-r4",
    ): "**False alarm**, as far as can be told: a published style, by its name cut by SVD out of a fine-tuning, which moves "
    "every weight a little. Kept: at 6.2e-5 it lies below `gpt2-ckpt0` (7e-5), so that no threshold "
    "parts the two.",
    (
        "LD206",
        "adalora-mlp-untrained",
    ): "Right in effect: a test's file of random numbers of size 1, which ruins its base as a diverged run does.",
    (
        "LD207",
        "adalora-mlp-untrained",
    ): "Right: `init_lora_weights` is false, and its factors are random numbers of size 1.",
    (
        "LD304",
        "sd-cloneofsimo-analog-r4",
    ): "Right by count: three modules of 192 are 4.5 times their peers. For information.",
    (
        "LD304",
        "sd-lokr-r8",
    ): "Right by count: the two upsamplers changed a fifth as much as the other convolutions. For information.",
    (
        "LD305",
        "sd-cloneofsimo-disney",
    ): "Right by count: in 30 modules B is less than a thousandth of A, beyond which FP16 begins to lose it.",
    ("LD306", ""): "Right: no α is stored in this layout.",
    ("LD401", ""): "Right by the names of its modules. It describes.",
    (
        "LD402",
        "",
    ): "Right by the names of its modules: `c_proj` of GPT-2 is in its attention and in its MLP. It describes.",
    ("LD501", ""): "Right: no file names the base.",
    ("LD502", ""): "Right: the base is a path on its maker's disk.",
    ("LD503", ""): "Right: a name without a revision.",
    ("LD505", ""): "Right: only a pickle is there.",
    ("LD506", ""): "Right by the tools' own limits (layout, heads stored whole, biases, method). It describes.",
    ("LD912", ""): "Right by its log: the last evaluation is the best, and still falling.",
}
