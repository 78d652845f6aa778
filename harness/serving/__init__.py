"""Exports trained models as TensorFlow SavedModels that can be used without wideload.

::

    OUT/serving.json              tables, slots, inputs by field, and what an absent sign stands for
    OUT/model/                    the SavedModel, with a copy of serving.json in assets.extra/
    OUT/dictionary/TABLE.parquet  look-up outside: sign -> row

    inside     the SavedModel has the rows:     raw fields ──► signs ──► rows ──► probability       signature "raw"
                                                signs of a batch ──────► rows ──► probability       signature "signs"
    outside    the SavedModel is the tower:     rows of a batch ──► probability                     signature "rows"
               rows come from the dictionary; for signs without a row, from the signatures "absent_0", ...

Everything is plain TensorFlow, so a server loads it without wideload. Probabilities are those of ``Trainer.predict``,
up to float rounding.

===================  =========================================================
:mod:`.weights`      the weights of a checkpoint of any strategy
:mod:`.lookup`       from signs to rows, in the graph
:mod:`.raw`          from raw values to signs, in the graph
:mod:`.input_names`  the input of the signature "raw" for each field
:mod:`.modules`      the two kinds of SavedModel
:mod:`.export`       the folder
:mod:`.quality`      how exporting fewer bits and rows changes the AUC
:mod:`.vocabularies` whether other data are read with the model's vocabularies
===================  =========================================================
"""
