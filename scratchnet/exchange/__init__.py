"""Weights from and for PyTorch and Keras, in .npz and .safetensors files, without either of them.

To read in this order: `tensor_files` (the file formats), `feature_order` (channels first and last),
`layouts` (the tensors of each layer in both frameworks), `transfer` (load and save).
"""

from scratchnet.exchange.transfer import load_keras, load_torch, save_keras, save_torch

__all__ = ["load_keras", "load_torch", "save_keras", "save_torch"]
