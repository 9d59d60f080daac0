"""Convolution, pooling, unpooling and upsampling, and the window arithmetic they share."""
