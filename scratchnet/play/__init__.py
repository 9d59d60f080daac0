"""Playground: a local page in which this library trains a small network on points of a plane.

`scratchnet play` starts a server on 127.0.0.1 and opens the page. The page shows the decision map,
the activation and the gradient of each unit, and the loss; layers, units, optimizer, data and the
faults of `scratchnet.zoo` are changed during training.

    points      data: built-in sets, CSV files, points that are drawn
    layer_file  layers of a Python file of the reader
    switches    the faults of the zoo that fit such a network
    network     settings, and the model, loss and optimizer that they describe
    frames      the numbers of one frame of the page
    session     training, and the actions of the page
    server      the server and its rules of access
"""
