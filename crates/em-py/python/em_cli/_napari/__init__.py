"""The napari plugin: files in and out by em_cli, and widgets that run the program.

``napari.yaml`` tells napari what there is. Nothing here is imported by ``import em_cli``, and nothing of the program is
done again here: widgets gather what it is given, follow its events, and show what it wrote.
"""
