"""Text-conditioned latent diffusion editing: bundles, DDPM inversion, RadEdit and a pipeline.

The room knows images, masks, prompts and weights; it knows no data set, no shift and no model under test.
Importing it is cheap: torch and diffusers are loaded by the modules that compute.

| module | owns |
|---|---|
| ``assembly`` | where a bundle's parts come from (folder or hub), SHA-256 of each, check against ``datasheet.json`` |
| ``bundle``, ``bundle_card`` | the loaded parts; their domain, size, and what is typical for them |
| ``encoding`` | words, pixels and masks to tensors and back; source pixels put back in the keep region |
| ``schedule`` | timesteps and the arithmetic of one reverse step (equation 4) |
| ``rows`` | the noise predictor in fixed micro-batches: same bits for any batch size and thread count |
| ``network`` | the network's fast form on the CPU: packed weights, recorded once it is worth it |
| ``inversion`` | Algorithm 1, and DDIM inversion |
| ``denoise`` | the guided way down to x_0, the one loop that all editors share, and Algorithm 3 |
| ``editors/`` | editing of whole requests, by name: RadEdit, and four others to compare with |
| ``pipeline`` | ``RadEditPipeline`` |
| ``session``, ``inputs`` | a bundle at work; what callers may hand in |
| ``training/`` | training of a small bundle |

Equations and algorithms are those of "RadEdit: stress-testing biomedical vision models via diffusion image
editing" (arXiv:2312.12865).
"""
