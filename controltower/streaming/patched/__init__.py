"""The replaced private parts of Faust 0.15.3 and aiokafka 0.14.0; nothing else may name them."""
