"""Generative models with training steps of their own (GAN, VAE), and a judge of their samples."""
