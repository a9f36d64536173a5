"""Text-conditioned latent diffusion editing: bundles, DDPM inversion, RadEdit and a pipeline.

The room knows images, masks, prompts and weights; it knows no data set, no shift and no model under test.
Importing it is cheap: torch and diffusers are loaded by the modules that compute.

| module | owns |
|---|---|
| ``assembly`` | where a bundle's parts come from (folder or hub), as plain data |
| ``digests`` | SHA-256 of each component, check against ``datasheet.json``, without torch |
| ``bundle`` | the loaded parts |
| ``prompts``, ``latents`` | words and pixels to tensors and back |
| ``schedule`` | timesteps and the arithmetic of one reverse step (equation 4) |
| ``rows`` | the noise predictor in fixed micro-batches: same bits for any batch size and thread count |
| ``network``, ``packed`` | the network's fast form on the CPU: packed weights, recorded once it is worth it |
| ``inversion`` | Algorithm 1 |
| ``ddim`` | DDIM inversion |
| ``denoise`` | the guided way down to x_0, the one loop that all editors share |
| ``radedit`` | Algorithm 3 |
| ``paste_back`` | source pixels put back in the keep region |
| ``editors/`` | editing of whole requests, by name: RadEdit, and four others to compare with |
| ``pipeline`` | ``RadEditPipeline`` |
| ``bench``, ``bench_prompts``, ``bench_memory``, ``bench_inputs`` | time and memory of inversion and edits |
| ``session``, ``inputs`` | a bundle at work; what callers may hand in |

Equations and algorithms are those of "RadEdit: stress-testing biomedical vision models via diffusion image
editing" (arXiv:2312.12865).
"""
