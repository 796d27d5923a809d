//! Mirrored and turned views of what is predicted, whose probabilities are averaged.

use tch::Tensor;

use crate::error::Computed;

/// One of eight views: bit 0 mirrors x, bit 1 y, and bit 2 turns by 90 degrees, or mirrors z of volumes.
pub(crate) fn seen_as(sections: &Tensor, view: usize, volumes: bool) -> Computed<Tensor> {
    let turn = view & 4 > 0 && !volumes;
    let turned = if turn { sections.f_rot90(1, [-2, -1])? } else { sections.shallow_clone() };
    mirrored_as(&turned, view, volumes)
}

/// Turns and mirrors a view back.
pub(crate) fn seen_back(probabilities: &Tensor, view: usize, volumes: bool) -> Computed<Tensor> {
    let mirrored = mirrored_as(probabilities, view, volumes)?;
    let turn = view & 4 > 0 && !volumes;
    Ok(if turn { mirrored.f_rot90(-1, [-2, -1])? } else { mirrored })
}

fn mirrored_as(tensor: &Tensor, view: usize, volumes: bool) -> Computed<Tensor> {
    let bits = if volumes { 3 } else { 2 };
    let axes: Vec<i64> = (0..bits).filter(|bit| view & (1 << bit) > 0).map(|bit| -1 - bit).collect();
    Ok(if axes.is_empty() { tensor.shallow_clone() } else { tensor.f_flip(axes)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Kind;

    #[test]
    fn each_view_is_another_and_is_undone() {
        for (volumes, shape) in [(false, [1, 1, 2, 3]), (true, [1, 2, 2, 3])] {
            let count = shape.iter().product::<i64>();
            let section = Tensor::arange(count, (Kind::Float, tch::Device::Cpu)).view(shape);
            let mut seen = Vec::new();
            for view in 0..8 {
                let changed = seen_as(&section, view, volumes).unwrap();
                let flat: Vec<f32> = Vec::try_from(changed.contiguous().view(-1)).unwrap();
                assert!(!seen.contains(&(changed.size(), flat.clone())), "view {view} is there twice");
                seen.push((changed.size(), flat));
                assert_eq!(seen_back(&changed, view, volumes).unwrap(), section, "view {view}");
            }
        }
    }
}
