"""Models of several layers: greedy pretraining, DBM, DBN and the classifiers made of them."""
