"""Convolution, pooling, unpooling and upsampling layers, and the windows that they share."""
