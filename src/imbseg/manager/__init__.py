"""NNI's manager started, guarded, checked beforehand and watched; it talks to NNI through `nnictl` and REST only."""
