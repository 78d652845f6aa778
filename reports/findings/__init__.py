"""Results -> findings: who ran against whom, who wins, by how much, and how sure that is."""
